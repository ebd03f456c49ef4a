#include "adapters/wal/log_repair.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/sim_disk.h"
#include "support/wal_rig.h"
#include "support/written_log.h"

namespace ei::wal {
namespace {

using support::WrittenLog;
using Ids = std::vector<std::string>;
constexpr uint64_t kPerSegment = WrittenLog::kSegmentEvents;

class LogRepairTest : public testing::Test {
 protected:
  RepairPlan Plan() const {
    auto directory = PosixDirectory::OpenReadOnly(log_.Folder());
    auto plan = PlanRepair(**directory);
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? *plan : RepairPlan{};
  }

  RepairOutcome RepairLog() {
    auto directory = PosixDirectory::OpenForWriting(log_.Folder());
    EXPECT_TRUE(directory) << directory.error().message;
    plan_ = *PlanRepair(**directory);
    auto outcome = Repair(**directory, plan_, 99);
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? *outcome : RepairOutcome{};
  }

  // The events that a service finds and delivers.
  Ids Deliver() {
    log_.Start();
    EXPECT_EQ(log_.Journal().Counts().lost, 0u);
    Ids ids = log_.TakeAll();
    EXPECT_EQ(log_.Journal().Counts().lost, 0u);
    log_.Stop();
    return ids;
  }

  static Ids Events(uint64_t from, uint64_t end, const std::vector<uint64_t>& without = {}) {
    Ids ids;
    for (uint64_t i = from; i < end; ++i) {
      if (std::ranges::find(without, i) == without.end()) ids.push_back("e" + std::to_string(i));
    }
    return ids;
  }

  static Ids Joined(Ids first, const Ids& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }

  WrittenLog log_;
  RepairPlan plan_;
};

TEST_F(LogRepairTest, DamagedSegmentIsQuarantinedAndItsEventsMoveToTheEnd) {
  log_.Commit(20);
  log_.Settle(2);
  log_.Stop();
  log_.DamageFrame(0, 3);
  log_.DamageEvent(0, 4);
  const std::string damaged = support::ReadFile(log_.Path(SegmentName(0)));
  const RepairOutcome outcome = RepairLog();
  EXPECT_EQ(plan_.lost, (std::vector<PositionRange>{{6, 9}}));
  EXPECT_EQ(plan_.lost_events, 3u);
  ASSERT_EQ(outcome.moved.size(), 1u);
  EXPECT_EQ(outcome.moved[0].events, kPerSegment - 5);
  EXPECT_EQ(outcome.moved[0].first_position, 40u);
  EXPECT_EQ(support::ReadFile(log_.Path(DamagedName(0))), damaged);

  EXPECT_TRUE(Plan().damaged.empty() && Plan().lost.empty());
  EXPECT_EQ(Deliver(), Joined(Events(kPerSegment, 40), Events(2, kPerSegment, {6, 7, 8})));
}

TEST_F(LogRepairTest, NewestSegmentWithoutAHeaderKeepsItsEvents) {
  log_.Commit(20);
  log_.Settle(2);
  log_.Stop();
  log_.DamageHeader(2);
  RepairLog();
  EXPECT_EQ(plan_.lost_events, 0u);
  EXPECT_EQ(Deliver(), Events(2, 40));
}

TEST_F(LogRepairTest, CommitThatIsTornWhileItIsCopiedIsNotNeeded) {
  log_.Commit(20);
  log_.CrashAfterACopy();
  const SurveyedSegment copy = Plan().survey.segments.back();
  EXPECT_EQ(copy.header.first_position, 38u);
  log_.DamageHeader(copy.number);
  log_.DamageEvent(copy.number, 0);
  log_.DamageFrame(0, 3);
  const RepairOutcome outcome = RepairLog();
  EXPECT_EQ(plan_.lost_events, 2u);
  EXPECT_EQ(std::ranges::count(outcome.removed, copy.name), 1);
  EXPECT_EQ(Deliver(), Joined(Events(kPerSegment, 40), Events(0, kPerSegment, {6, 7})));
}

TEST_F(LogRepairTest, SegmentThatIsNoFileDoesNotStopAStartAnyMore) {
  log_.Commit(20);
  log_.Settle(2);
  log_.Stop();
  std::filesystem::remove(log_.Path(SegmentName(1)));
  ASSERT_EQ(::mkfifo(log_.Path(SegmentName(1)).c_str(), 0600), 0);
  const RepairOutcome outcome = RepairLog();
  EXPECT_TRUE(outcome.moved.empty());
  EXPECT_EQ(plan_.lost, (std::vector<PositionRange>{{kPerSegment, 2 * kPerSegment}}));
  EXPECT_EQ(Deliver(), Joined(Events(2, kPerSegment), Events(2 * kPerSegment, 40)));
}

TEST_F(LogRepairTest, DamagedCheckpointIsQuarantined) {
  log_.Commit(3);
  log_.Settle(2);
  log_.Stop();
  std::filesystem::remove(log_.Path(kCheckpointName));
  std::filesystem::create_symlink("/dev/zero", log_.Path(kCheckpointName));
  const RepairOutcome outcome = RepairLog();
  ASSERT_EQ(outcome.renamed.size(), 1u);
  EXPECT_TRUE(std::filesystem::is_symlink(log_.Path(outcome.renamed[0].second)));
  EXPECT_EQ(Deliver(), Events(0, 6));
}

TEST_F(LogRepairTest, QuarantinedFileOfTheSameNumberIsKept) {
  log_.Commit(20);
  log_.Stop();
  support::WriteFile(log_.Path(DamagedName(0)), "an earlier one");
  log_.DamageFrame(0, 1);
  const RepairOutcome outcome = RepairLog();
  ASSERT_EQ(outcome.renamed.size(), 1u);
  EXPECT_NE(outcome.renamed[0].second, DamagedName(0));
  EXPECT_EQ(support::ReadFile(log_.Path(DamagedName(0))), "an earlier one");
  EXPECT_EQ(Deliver(), Joined(Events(kPerSegment, 40), Events(0, kPerSegment, {2, 3})));
}

TEST_F(LogRepairTest, SoundLogOnlyLosesItsUnfinishedFiles) {
  log_.Commit(20);
  log_.Settle(2);
  log_.Stop();
  const auto names = log_.Names();
  support::WriteFile(log_.Path(kUnfinishedSegmentName), "rest");
  const RepairOutcome outcome = RepairLog();
  EXPECT_EQ(outcome.removed, Ids{kUnfinishedSegmentName});
  EXPECT_TRUE(outcome.moved.empty() && outcome.renamed.empty());
  EXPECT_EQ(log_.Names(), names);
  EXPECT_EQ(Deliver(), Events(2, 40));
}

TEST_F(LogRepairTest, UnfinishedThingThatIsNoFileIsRenamed) {
  log_.Commit(3);
  log_.Stop();
  std::filesystem::create_directories(log_.Path("x.tmp") / "y");
  const RepairOutcome outcome = RepairLog();
  EXPECT_TRUE(std::filesystem::exists(log_.Path("x.tmp.damaged") / "y"));
  EXPECT_EQ(Deliver(), Events(0, 6));
}

TEST_F(LogRepairTest, TornCommitStaysWhereItIs) {
  log_.Commit(3);
  log_.Crash();
  log_.DamageEvent(0, 2);
  EXPECT_TRUE(Plan().damaged.empty());
  RepairLog();
  EXPECT_EQ(Deliver(), Events(0, 4));
}

TEST_F(LogRepairTest, AllSegmentsDamagedKeepTheirOrder) {
  log_.Commit(20);
  log_.Stop();
  for (uint64_t segment = 0; segment < 3; ++segment) log_.DamageEvent(segment, 1);
  const RepairOutcome outcome = RepairLog();
  EXPECT_EQ(outcome.moved.size(), 3u);
  EXPECT_EQ(Deliver(), Events(0, 40, {2, kPerSegment + 2, 2 * kPerSegment + 2}));
}

TEST_F(LogRepairTest, RepairedLogTakesEventsAgain) {
  log_.Commit(20);
  log_.Stop();
  log_.DamageFrame(2, 0);
  RepairLog();
  log_.Start();
  log_.Commit(20);
  log_.Stop();
  EXPECT_TRUE(Plan().damaged.empty() && Plan().lost.empty());
  EXPECT_EQ(Deliver(), Joined(Events(0, 40, {2 * kPerSegment, 2 * kPerSegment + 1}), Events(40, 80)));
}

// A directory that fails after a number of modifying operations, like a process that is killed.
class DyingDirectory final : public Directory {
 public:
  DyingDirectory(Directory& under, uint64_t operations) : under_(under), left_(operations) {}

  DiskResult<std::unique_ptr<File>> Create(const std::string& name) override {
    if (!IsAlive()) return std::unexpected(EIO);
    return Wrap(under_.Create(name));
  }
  DiskResult<std::unique_ptr<File>> Open(const std::string& name) override { return Wrap(under_.Open(name)); }
  DiskResult<void> Rename(const std::string& from, const std::string& to) override {
    if (!IsAlive()) return std::unexpected(EIO);
    return under_.Rename(from, to);
  }
  DiskResult<void> Remove(const std::string& name) override {
    if (!IsAlive()) return std::unexpected(EIO);
    return under_.Remove(name);
  }
  DiskResult<void> Sync() override {
    if (!IsAlive()) return std::unexpected(EIO);
    return under_.Sync();
  }
  DiskResult<std::vector<std::string>> List() override { return under_.List(); }
  DiskResult<void> Confirm(const std::string& name, const File& file) override {
    return under_.Confirm(name, static_cast<const DyingFile&>(file).Under());
  }

 private:
  class DyingFile final : public File {
   public:
    DyingFile(std::unique_ptr<File> under, DyingDirectory& directory)
        : under_(std::move(under)), directory_(directory) {}
    DiskResult<size_t> Write(uint64_t offset, std::span<const char> bytes) override {
      if (!directory_.IsAlive()) return std::unexpected(EIO);
      return under_->Write(offset, bytes);
    }
    DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) override {
      return under_->Read(offset, bytes);
    }
    DiskResult<void> Sync() override {
      if (!directory_.IsAlive()) return std::unexpected(EIO);
      return under_->Sync();
    }
    DiskResult<uint64_t> Size() override { return under_->Size(); }
    const File& Under() const { return *under_; }

   private:
    std::unique_ptr<File> under_;
    DyingDirectory& directory_;
  };

  bool IsAlive() { return left_ > 0 && left_-- > 0; }
  DiskResult<std::unique_ptr<File>> Wrap(DiskResult<std::unique_ptr<File>> file) {
    if (!file) return file;
    return std::make_unique<DyingFile>(std::move(*file), *this);
  }

  Directory& under_;
  uint64_t left_;
};

// At whichever operation a repair is killed, and whether a repair or a service comes next: every readable
// event is delivered.
TEST_F(LogRepairTest, KilledAnywhereLosesNothing) {
  log_.Commit(20);
  log_.Settle(2);
  log_.Stop();
  log_.DamageEvent(0, 2);
  log_.DamageFrame(2, 1);
  const std::filesystem::path kept = log_.Folder() + ".kept";
  std::filesystem::copy(log_.Folder(), kept);
  const Ids readable = Events(2, 40, {4, 2 * kPerSegment + 2, 2 * kPerSegment + 3});
  bool done = false;
  for (uint64_t operations = 0; !done; ++operations) {
    ASSERT_LT(operations, 200u);
    for (const bool again : {true, false}) {
      std::filesystem::remove_all(log_.Folder());
      std::filesystem::copy(kept, log_.Folder());
      {
        auto disk = PosixDirectory::OpenForWriting(log_.Folder());
        DyingDirectory dying(**disk, operations);
        done = Repair(dying, *PlanRepair(dying), 5).has_value();
      }
      if (again) RepairLog();
      log_.Start();
      Ids delivered = log_.TakeAll();
      log_.Stop();
      std::ranges::sort(delivered, {}, [](const std::string& id) { return std::stoi(id.substr(1)); });
      delivered.erase(std::ranges::unique(delivered).begin(), delivered.end());
      EXPECT_EQ(delivered, readable) << "killed after " << operations << ", repaired again: " << again;
    }
  }
  std::filesystem::remove_all(kept);
}

// The next file was removed after it was settled: only the bad sector shows that this one is damaged.
TEST(LogRepairUnreadable, FileWithABadEndIsQuarantinedThoughTheNextOneIsGone) {
  constexpr uint64_t kBytes = 8 << 10;
  support::SimDisk disk(1);
  auto folder = disk.Mount();
  support::WalRig rig({.bytes_max = 16 * kBytes, .segment_bytes = kBytes});
  rig.Open(*folder);
  for (const std::string& value : support::Numbered(0, 21, 700)) {
    ASSERT_EQ(rig.Append({value}), AppendResult::kAppended);
    rig.Work();
  }
  rig.Take();
  rig.SettleIf([](std::string_view value) { return std::stoull(std::string(value)) / 7 == 1; });
  rig.Work();
  rig.Journal().Finish();
  rig.Close();
  ASSERT_FALSE(std::ranges::count(disk.SeenNames(), SegmentName(1)));
  disk.MakeUnreadable(SegmentName(0), kSegmentHeaderBytes + 6 * 1024, 1);  // the last frame's header
  folder = disk.Mount();
  const auto plan = PlanRepair(*folder);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->lost, (std::vector<PositionRange>{{6, 7}}));
  ASSERT_TRUE(Repair(*folder, *plan, 7));
  EXPECT_TRUE(std::ranges::count(disk.SeenNames(), DamagedName(0)));
}

// The service never gives these up by itself: bad sectors in a frame's header and in one copy of a segment's.
TEST(LogRepairUnreadable, GivesUpOnlyUnreadableEvents) {
  constexpr uint64_t kBytes = 8 << 10;
  support::SimDisk disk(1);
  auto folder = disk.Mount();
  support::WalRig rig({.bytes_max = 16 * kBytes, .segment_bytes = kBytes, .window_events_max = 1});
  rig.Open(*folder);
  for (const std::string& value : support::Numbered(0, 30, 700)) {
    ASSERT_EQ(rig.Append({value}), AppendResult::kAppended);
    rig.Work();
  }
  rig.Journal().Finish();
  rig.Close();
  disk.MakeUnreadable(SegmentName(0), kSegmentHeaderBytes + 2 * 1024, 1);  // the third frame's header
  disk.MakeUnreadable(SegmentName(1), 0, 1);                               // one copy of a segment's
  folder = disk.Mount();
  EXPECT_FALSE(rig.TryOpen(*folder));
  const auto plan = PlanRepair(*folder);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->lost, (std::vector<PositionRange>{{2, 3}}));
  ASSERT_TRUE(Repair(*folder, *plan, 7));
  EXPECT_TRUE(std::ranges::count(disk.SeenNames(), DamagedName(0)));
  rig.Open(*folder);
  auto came = rig.Drain();
  std::ranges::sort(came, {}, [](const std::string& value) { return std::stoull(value); });
  auto expected = support::Numbered(0, 30, 700);
  expected.erase(expected.begin() + 2);
  EXPECT_EQ(came, expected);
  EXPECT_EQ(rig.Journal().Counts().lost, 0U);
}

}  // namespace
}  // namespace ei::wal
