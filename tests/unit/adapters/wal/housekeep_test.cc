// Housekeep: prepares and releases segments.

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "adapters/wal/segment_files.h"
#include "support/sim_disk.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

using support::DiskCall;
using support::DiskFault;
using support::Numbered;
using support::SimDisk;
using Strings = std::vector<std::string>;

constexpr uint64_t kSegmentBytes = 8 << 10;
constexpr uint64_t kBytesMax = 4 * kSegmentBytes;

// Appends 40 events, each durable before the next, and takes them.
void TakeEach40(support::WalRig& rig) {
  for (uint64_t i = 0; i < 40; ++i) {
    ASSERT_EQ(rig.Append(Numbered(i, 1, 700)), AppendResult::kAppended);
    rig.Work();
  }
  rig.Take();
}

class HousekeepTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() { rig_.Open(*(folder_ = disk_.Mount())); }
  void Crash() {
    disk_.Crash();
    Open();
  }

  // Appends until the log is full; returns how many of these events it accepted.
  uint64_t FillUp(uint64_t first, size_t size = 700) {
    uint64_t taken = 0;
    while (rig_.Append(Numbered(first + taken, 1, size)) == AppendResult::kAppended) {
      rig_.Work();
      if (++taken == 1'000) break;
    }
    EXPECT_LT(taken, 1'000U);
    return taken;
  }

  std::vector<uint64_t> SegmentsOnDisk() const {
    std::vector<uint64_t> numbers;
    for (const std::string& name : disk_.SeenNames()) {
      if (const auto number = SegmentNumber(name)) numbers.push_back(*number);
    }
    return numbers;
  }
  size_t Damaged() const {
    const auto names = disk_.SeenNames();
    return static_cast<size_t>(std::ranges::count_if(
        names, [](const std::string& name) { return DamagedNumber(name).has_value(); }));
  }

  SimDisk disk_{1, {.tearing = support::Tearing::kGarbage, .name_loss = support::NameLoss::kAny}};
  std::unique_ptr<Directory> folder_;
  support::WalRig rig_{{.bytes_max = kBytesMax, .segment_bytes = kSegmentBytes}};
};

// The first 40 events leave more gaps than a checkpoint has room for, as the events of a stalled partition
// do.
class ManyGapsTest : public HousekeepTest {
 protected:
  void SetUp() override {
    rig_.Options().bytes_max = 16 * kSegmentBytes;
    rig_.Options().checkpoint_runs_max = 8;
    Open();
    Append(40);
    Settle([](uint64_t number) { return number % 4 == 0; });
  }

  void Append(uint64_t count) {
    for (; count > 0; --count) {
      ASSERT_EQ(rig_.Append(Numbered(next_, 1, 700)), AppendResult::kAppended) << next_;
      ++next_;
      rig_.Work();
    }
    rig_.Take();
  }
  template <typename Chosen>
  void Settle(Chosen chosen) {
    rig_.SettleIf([&](std::string_view value) { return chosen(NumberOf(value)); });
    rig_.Work();
  }
  static uint64_t NumberOf(std::string_view value) {
    uint64_t number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    return number;
  }

  uint64_t next_ = 0;
};

TEST_F(ManyGapsTest, LaterSegmentsAreReleased) {
  for (int round = 0; round < 50; ++round) {
    Append(10);
    Settle([](uint64_t number) { return number >= 40; });
  }
  EXPECT_EQ(rig_.Journal().Stats().events, 30U);
  Crash();
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
  std::set<uint64_t> delivered;
  for (const std::string& value : rig_.Drain()) delivered.insert(NumberOf(value));
  for (uint64_t number = 0; number < 40; ++number) {
    EXPECT_TRUE(number % 4 == 0 || delivered.contains(number)) << number;
  }
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
}

TEST_F(ManyGapsTest, ReleasedSegmentsStaySettledWhenFurtherGapsAppearBelowThem) {
  for (int round = 0; round < 20; ++round) {
    Append(10);
    Settle([](uint64_t number) { return number >= 40; });
  }
  Crash();
  rig_.Work();
  while (!rig_.Take().empty()) rig_.Work();
  Settle([](uint64_t number) { return number % 4 == 2; });
  for (int round = 0; round < 20; ++round) {
    Append(10);
    Settle([](uint64_t number) { return number >= 40; });
  }
  Crash();
  rig_.Drain();
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
}

TEST_F(ManyGapsTest, SegmentsAreReleasedInOnlyAsManyPlacesAsACheckpointHasRoomFor) {
  // Of fifteen events, two segments, one waits: the segments between are released in two places.
  uint64_t refused = 0;
  while (refused < 100 && next_ < 1'000) {
    rig_.Append(Numbered(next_, 1, 700)) == AppendResult::kAppended ? ++next_ : ++refused;
    rig_.Work();
    rig_.Take();
    Settle([&](uint64_t number) { return number >= 40 && number % 15 != 0; });
  }
  EXPECT_LT(next_, 1'000U) << "the log is full";
  Crash();
  rig_.Drain();
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
}

TEST_F(HousekeepTest, NewLogHasASegmentReady) {
  EXPECT_EQ(SegmentsOnDisk(), std::vector<uint64_t>{0});
  EXPECT_EQ(rig_.Journal().Stats().bytes, kSegmentBytes);
  rig_.Append({"a"});
  EXPECT_EQ(rig_.Journal().Housekeep(), Work::kDone) << "the next one";
  EXPECT_EQ(SegmentsOnDisk(), (std::vector<uint64_t>{0, 1}));
  EXPECT_EQ(rig_.Journal().Housekeep(), Work::kIdle);
}

TEST_F(HousekeepTest, FullLogTakesAgainOnceEventsAreSettled) {
  for (int round = 0; round < 20; ++round) {
    const uint64_t count = FillUp(0);
    EXPECT_GE(count, 3 * 7U) << "all but what was left of a segment";
    EXPECT_LE(rig_.Journal().Stats().bytes, kBytesMax);
    EXPECT_TRUE(rig_.Journal().Full(700));
    EXPECT_LE(SegmentsOnDisk().size() * kSegmentBytes, kBytesMax);
    rig_.Drain();
    EXPECT_FALSE(rig_.Journal().Full(700));
  }
}

TEST_F(HousekeepTest, SegmentIsReleasedOnlyWhenAllOfItIsSettled) {
  const uint64_t count = FillUp(0);
  rig_.Take();
  const std::string survivor = Numbered(8, 1, 700).front();
  rig_.SettleIf([&](std::string_view value) { return value != survivor; });
  rig_.Work();
  EXPECT_GT(FillUp(count), 0U) << "the others are free";
  Crash();
  const auto values = rig_.Drain();
  EXPECT_EQ(values.front(), survivor);
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
}

TEST_F(HousekeepTest, SettledSegmentsAreUsedAgainUnderNewNumbers) {
  uint64_t next = 0;
  for (int round = 0; round < 100; ++round) {
    ASSERT_EQ(rig_.Append(Numbered(next, 8, 700)), AppendResult::kAppended);
    next += 8;
    rig_.Drain();
  }
  const auto segments = SegmentsOnDisk();
  EXPECT_LE(segments.size(), 3U);
  EXPECT_GE(segments.front(), 90U);
  const uint64_t created = disk_.Counts().calls[static_cast<size_t>(DiskCall::kCreate)];
  EXPECT_LE(created, 5U) << "the others are the same files";
  Crash();
  EXPECT_EQ(rig_.Append(Numbered(next, 1)).end, next + 1);
  EXPECT_EQ(rig_.Drain(), Numbered(next, 1)) << "no content of previous uses of the files";
}

TEST_F(HousekeepTest, CheckpointIsSavedAtItsIntervalOnly) {
  rig_.Append(Numbered(0, 10));
  rig_.Work();
  const auto syncs = [&] { return disk_.Counts().calls[static_cast<size_t>(DiskCall::kSync)]; };
  rig_.Take();
  const uint64_t before = syncs();
  rig_.SettleIf([](std::string_view value) { return value < "5"; });
  EXPECT_EQ(rig_.Journal().Housekeep(), Work::kDone);
  rig_.Settle();
  EXPECT_EQ(rig_.Journal().Housekeep(), Work::kLater);
  rig_.Clock().Advance(std::chrono::milliseconds(99));
  EXPECT_EQ(rig_.Journal().Housekeep(), Work::kLater);
  EXPECT_EQ(syncs(), before + 1);
  rig_.Clock().Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(rig_.Journal().Housekeep(), Work::kDone);
  EXPECT_EQ(syncs(), before + 2);
  EXPECT_EQ(rig_.Journal().Housekeep(), Work::kIdle);
}

// A loss of power at any step while segments are released: no unsettled event is missing, and nothing counts
// as lost.
TEST_F(HousekeepTest, CrashAtAnyStepOfLettingSegmentsGoLosesNothing) {
  bool reached_end = false;
  for (uint64_t stop = 1; !reached_end; ++stop) {
    ASSERT_LT(stop, 100U);
    SimDisk disk(stop, {.tearing = support::Tearing::kGarbage, .name_loss = support::NameLoss::kAny});
    auto folder = disk.Mount();
    support::WalRig rig({.bytes_max = 8 * kSegmentBytes, .segment_bytes = kSegmentBytes});
    rig.Open(*folder);
    TakeEach40(rig);
    const auto stays = [](std::string_view value) {
      return value.starts_with("9.") || value.starts_with("39.");
    };
    rig.SettleIf([&](std::string_view value) { return !stays(value); });
    disk.StopAfter(stop);
    support::RunIdle(rig.Journal());
    reached_end = !disk.Stopped();
    disk.Crash();
    folder = disk.Mount();
    rig.Open(*folder);
    const auto values = rig.Drain();
    const std::set<std::string> came(values.begin(), values.end());
    for (const std::string& value : Numbered(0, 40, 700)) {
      if (stays(value)) {
        EXPECT_TRUE(came.contains(value)) << value.substr(0, 3) << " at step " << stop;
      }
    }
    EXPECT_EQ(rig.Journal().Counts().lost, 0U) << "at step " << stop;
    EXPECT_EQ(rig.Journal().Stats().events, 0U);
  }
}

TEST_F(HousekeepTest, DamagedSegmentIsQuarantined) {
  FillUp(0);
  Crash();
  const std::string damaged = SegmentName(1);
  disk_.FlipBit(damaged, kSegmentHeaderBytes, 3);
  rig_.Drain();
  EXPECT_EQ(rig_.Journal().Counts().lost, 1U);
  EXPECT_EQ(Damaged(), 1U);
  EXPECT_EQ(rig_.Journal().Counts().set_aside, 1U);
  EXPECT_TRUE(std::ranges::count(disk_.SeenNames(), DamagedName(1)));
  EXPECT_FALSE(std::ranges::count(disk_.SeenNames(), damaged));
  Crash();
  EXPECT_EQ(rig_.Journal().Counts().set_aside, 1U) << "it counts as disk in use after a restart, too";
  EXPECT_GE(FillUp(0), 2 * 7U);
  EXPECT_LE(rig_.Journal().Stats().bytes, kBytesMax);
}

// They may be the only copy of their events, so only an operator who has inspected them moves them away.
TEST_F(HousekeepTest, QuarantinedSegmentsStayAndCountTowardsTheLimit) {
  rig_.Options().bytes_max = 8 * kSegmentBytes;
  Open();
  const uint64_t count = FillUp(0);
  Crash();
  std::vector<uint64_t> damaged = SegmentsOnDisk();
  damaged.pop_back();
  for (const uint64_t number : damaged) disk_.FlipBit(SegmentName(number), kSegmentHeaderBytes, 3);
  const size_t segments = damaged.size();
  ASSERT_EQ(segments, 7U);
  EXPECT_EQ(rig_.Drain().size(), count - segments);
  EXPECT_EQ(rig_.Journal().Counts().lost, segments);
  EXPECT_EQ(Damaged(), segments);
  EXPECT_EQ(rig_.Journal().Counts().set_aside, segments);
  FillUp(0);
  EXPECT_TRUE(rig_.Journal().Full(700)) << "rejected, rather than removing them";
  EXPECT_EQ(Damaged(), segments);
  EXPECT_LE(rig_.Journal().Stats().bytes, rig_.Options().bytes_max);
  for (int i = 0; i < 10; ++i) rig_.Work();
  EXPECT_EQ(rig_.Log().Count("use some of its space: inspect them"), 1U);
  disk_.RemoveFile(DamagedName(damaged[2]));
  disk_.RemoveFile(DamagedName(damaged[3]));
  rig_.Work();
  EXPECT_EQ(rig_.Journal().Counts().set_aside, segments - 2);
  EXPECT_GE(FillUp(0), 7U) << "without a restart";
}

TEST_F(HousekeepTest, FullDiskRejectsRequestsUntilThereIsRoom) {
  rig_.Append({"a"});
  disk_.SetCapacity(disk_.UsedBytes());
  rig_.Work();
  const uint64_t first = FillUp(0);
  EXPECT_GE(first, 5U);
  EXPECT_EQ(rig_.Log().Count("a segment can't be prepared"), 1U);
  EXPECT_FALSE(rig_.Journal().Failed());
  // Checkpoints need no room.
  rig_.Drain();
  EXPECT_EQ(rig_.Log().Count("the checkpoint can't be saved"), 0U);
  disk_.SetCapacity(disk_.UsedBytes() + kSegmentBytes);
  rig_.Work();
  const uint64_t second = FillUp(100);
  EXPECT_GE(second, 5U) << "without a restart";
  EXPECT_EQ(rig_.Drain().size(), second);
}

// The rest of the segment is sound, so only the mark shows the next run that it is damaged.
TEST_F(HousekeepTest, DamagedSegmentIsQuarantinedThoughARestartFindsNoDamage) {
  FillUp(0);
  Crash();
  disk_.FlipBit(SegmentName(0), kSegmentHeaderBytes, 3);
  rig_.Options().window_events_max = 1;
  Open();
  rig_.Work();
  EXPECT_EQ(rig_.Journal().Counts().lost, 1U);
  EXPECT_EQ(Damaged(), 0U) << "others of its events wait";
  rig_.Journal().Finish();
  for (int life = 0; life < 3; ++life) {
    Crash();
    EXPECT_EQ(rig_.Journal().Counts().lost, 0U) << "the checkpoint contains it";
    rig_.Work();
    rig_.Journal().Finish();
  }
  rig_.Drain();
  EXPECT_EQ(Damaged(), 1U);
  EXPECT_EQ(std::ranges::count(disk_.SeenNames(), MarkName(0)), 0);
}

TEST_F(HousekeepTest, AMarkThatCannotBeMadeIsTriedAgain) {
  for (const auto call : {DiskCall::kRemove, DiskCall::kCreate, DiskCall::kSyncNames}) {
    SimDisk disk(1);
    auto folder = disk.Mount();
    support::WalRig rig(
        {.bytes_max = 16 * kSegmentBytes, .segment_bytes = kSegmentBytes, .window_events_max = 1});
    rig.Open(*folder);
    TakeEach40(rig);
    disk.Crash();
    for (const uint64_t number : {0, 2}) disk.FlipBit(SegmentName(number), kSegmentHeaderBytes, 3);
    folder = disk.Mount();
    rig.Open(*folder);
    disk.FailOneIn(call, 1, DiskFault::kEio);
    for (int i = 0; i < 3; ++i) rig.Work();
    EXPECT_EQ(rig.Journal().Counts().lost, 1U);
    EXPECT_EQ(rig.Log().Count("a damaged segment can't be marked"), 1U);
    disk.FailNoMore();
    rig.Work();
    EXPECT_EQ(std::ranges::count(disk.SeenNames(), MarkName(0)), 1);
    EXPECT_EQ(rig.Log().Count("a damaged segment can't be marked"), 1U);
    disk.FailOneIn(call, 1, DiskFault::kEio);
    for (int i = 0; i < 40; ++i) {
      rig.Take();
      rig.Settle();
      rig.Work();
    }
    EXPECT_EQ(rig.Journal().Counts().lost, 2U);
    EXPECT_EQ(rig.Log().Count("a damaged segment can't be marked"), 2U) << "it is another one";
  }
}

TEST_F(HousekeepTest, MissingDescriptorsAreReported) {
  rig_.Append({"a"});
  disk_.FailOneIn(DiskCall::kCreate, 1, DiskFault::kNoFiles);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(rig_.Journal().Housekeep(), Work::kLater);
  EXPECT_EQ(rig_.Log().Count("too many open"), 1U);
  EXPECT_EQ(rig_.Log().Count("LimitNOFILE"), 1U);
  disk_.FailNoMore();
  EXPECT_EQ(rig_.Journal().Housekeep(), Work::kDone);
}

// A disk that hangs: accepted events begin segment after segment, each an open file.
TEST_F(HousekeepTest, SegmentsThatWaitForTheirFirstCommitAreFew) {
  rig_.Options().bytes_max = 100 * kSegmentBytes;
  Open();
  for (uint64_t i = 0; i < 100; ++i) {
    rig_.Append(Numbered(i, 1, 7'000));
    rig_.Journal().Housekeep();
  }
  EXPECT_LE(disk_.OpenFiles(), 7U);
  EXPECT_TRUE(rig_.Journal().Full(7'000));
  std::vector<WalJournal::Role> woken;
  rig_.Journal().OnWork([&](WalJournal::Role role) { woken.push_back(role); });
  EXPECT_EQ(rig_.Journal().Commit(), Work::kDone);
  EXPECT_EQ(std::ranges::count(woken, WalJournal::Role::kHousekeep), 1) << "there may be a next one";
  rig_.Work();
  EXPECT_EQ(rig_.Append(Numbered(200, 1, 7'000)), AppendResult::kAppended);
}

TEST_F(HousekeepTest, SegmentThatCannotBeRemovedIsTriedAgain) {
  FillUp(0);
  rig_.Take();
  rig_.Settle();
  for (const auto call : {DiskCall::kRename, DiskCall::kSyncNames}) {
    disk_.FailNth(call, 1, DiskFault::kNoSpace);
    EXPECT_NE(rig_.Journal().Housekeep(), Work::kIdle);
  }
  rig_.Work();
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
  EXPECT_GE(FillUp(0), 3 * 7U);
  Crash();
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
}

// The disk reports an error although it did what was asked.
TEST_F(HousekeepTest, SegmentThatWentInSpiteOfAFaultIsNotTriedForEver) {
  for (const auto call : {DiskCall::kRename, DiskCall::kRemove}) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      SimDisk disk(seed);
      const auto folder = disk.Mount();
      support::WalRig rig({.bytes_max = 8 * kSegmentBytes, .segment_bytes = kSegmentBytes});
      rig.Open(*folder);
      TakeEach40(rig);
      rig.Settle();
      disk.FailNth(call, 1, DiskFault::kEio);
      rig.Work();
      EXPECT_EQ(rig.Log().Count("can't be removed"), 1U);
      rig.Work();
      EXPECT_EQ(rig.Log().Count("can't be removed"), 1U) << "seed " << seed;
      EXPECT_LE(rig.Journal().Stats().bytes, 4 * kSegmentBytes);
      disk.Crash();
      const auto again = disk.Mount();
      rig.Open(*again);
      EXPECT_EQ(rig.Append({"a"}).end, 41U);
      EXPECT_EQ(rig.Drain(), Strings{"a"});
    }
  }
}

TEST_F(HousekeepTest, FinishLeavesNothingToBeDeliveredTwice) {
  rig_.Append(Numbered(0, 10));
  rig_.Journal().Commit();
  rig_.Take();
  rig_.SettleIf([](std::string_view value) { return value < "5"; });
  rig_.Journal().Finish();
  Crash();
  EXPECT_EQ(rig_.Drain(), Numbered(5, 5));
}

// A stalled partition: more gaps than a checkpoint holds, all of them before segments that are completely
// settled.
TEST_F(HousekeepTest, SegmentStaysWhileNoCheckpointSaysThatItIsSettled) {
  WalOptions options;
  options.bytes_max = 2 << 20;
  options.segment_bytes = 256 << 10;
  rig_.Options() = options;
  SimDisk disk(2);
  auto folder = disk.Mount();
  rig_.Open(*folder);
  for (uint64_t i = 0; i < 30; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(1'000 * i, 1'000)), AppendResult::kAppended);
    rig_.Work();
  }
  rig_.Take();
  const auto stuck = [](std::string_view value) {
    const uint64_t number = std::stoull(std::string(value));
    return number < 10'000 && number % 2 == 0;
  };
  rig_.SettleIf([&](std::string_view value) { return !stuck(value); });
  rig_.Work();
  const uint64_t saves = disk.Counts().calls[static_cast<size_t>(DiskCall::kSync)];
  rig_.Work();
  EXPECT_EQ(disk.Counts().calls[static_cast<size_t>(DiskCall::kSync)], saves)
      << "it does not retry without end";
  disk.KillProcess();
  folder = disk.Mount();
  rig_.Open(*folder);
  const auto values = rig_.Drain();
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
  EXPECT_EQ(std::ranges::count_if(values, stuck), 5'000);
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
  EXPECT_LE(rig_.Journal().Stats().bytes, 3U * (256 << 10)) << "in the end all segments go";
}

// Damage loses the last events that kept a full log's segments: no event is left to settle.
TEST_F(HousekeepTest, SegmentsWithOnlyLostEventsAreReleased) {
  FillUp(0);
  Crash();
  for (const std::string& name : disk_.SeenNames()) {
    if (SegmentNumber(name)) disk_.ZeroRange(name, kSegmentHeaderBytes, kSegmentBytes);
  }
  std::vector<WalJournal::Role> woken;
  rig_.Journal().OnWork([&](WalJournal::Role role) { woken.push_back(role); });
  while (rig_.Journal().Housekeep() == Work::kDone) {
  }
  while (rig_.Journal().ReadBack() == Work::kDone) {
  }
  EXPECT_GT(rig_.Journal().Counts().lost, 0U);
  EXPECT_EQ(std::ranges::count(woken, WalJournal::Role::kHousekeep), 1) << "there is work for it";
  EXPECT_EQ(rig_.Drain().size(), 1U) << "the newest commit was read at the start, and waited for room";
}

// No segment can be released while a bad sector prevents checkpoints from being saved, but the disk has room
// for new ones.
TEST_F(HousekeepTest, CheckpointThatCannotBeSavedDoesNotStopNewSegments) {
  for (uint64_t i = 0; i < 2; ++i) {
    rig_.Append(Numbered(9 * i, 9, 700));
    rig_.Journal().Commit();
    if (i == 0) rig_.Work();
  }
  rig_.Take();
  rig_.SettleIf([](std::string_view value) { return value[1] == '.'; });
  const auto before = SegmentsOnDisk();
  ASSERT_EQ(before.size(), 2U) << "both are full";
  disk_.FailNth(DiskCall::kWrite, 1, DiskFault::kNoSpace);
  rig_.Journal().Housekeep();
  EXPECT_EQ(rig_.Log().Count("the checkpoint can't be saved"), 1U);
  EXPECT_EQ(SegmentsOnDisk().size(), 3U);
  EXPECT_EQ(rig_.Append(Numbered(20, 9, 700)), AppendResult::kAppended);
}

// The durable end at a clean stop is known at the next start: later damage is damage, not a torn end.
TEST_F(HousekeepTest, FinishSavesTheDurableEnd) {
  rig_.Append(Numbered(0, 3, 700));
  rig_.Journal().Commit();
  rig_.Journal().Finish();
  disk_.Crash();
  disk_.FlipBit(SegmentName(0), kSegmentHeaderBytes + kFrameHeaderBytes + 800, 0);
  Open();
  EXPECT_EQ(rig_.Drain().size(), 2U);
  EXPECT_EQ(rig_.Journal().Counts().lost, 1U);
}

}  // namespace
}  // namespace ei::wal
