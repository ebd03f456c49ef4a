// The log on a real full disk: requests are rejected, acknowledged events are kept and delivered, and the
// service resumes without a restart once there is space.

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "adapters/wal/posix_disk.h"
#include "adapters/wal/wal_threads.h"
#include "support/small_disk.h"
#include "support/temp_folder.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

using support::Numbered;
using Strings = std::vector<std::string>;

constexpr uint64_t kDiskBytes = 1 << 20;
constexpr size_t kEventBytes = 3'000;
// Far more than the disk can hold.
const WalOptions kOptions{.bytes_max = 16 << 20, .segment_bytes = 32 << 10};

class WalFullDisk : public testing::Test {
 protected:
  void Run(const std::function<void()>& test) {
    if (!support::RunOnSmallDisk(folder_, kDiskBytes, test)) {
      // A container may forbid mounts; the unit tests use a simulated disk that fills up.
      // ban-ok(skipped-test): no install changes what the kernel lets a process mount
      GTEST_SKIP() << "neither root nor a user namespace lets this process mount a small tmpfs";
    }
  }

  std::unique_ptr<PosixDirectory> Directory() {
    return std::move(PosixDirectory::OpenForWriting(folder_.string()).value());
  }
  void FillTheDisk(uint64_t room) {
    const auto space = std::filesystem::space(folder_);
    ASSERT_GT(space.available, room);
    support::WriteFile(ballast_, std::string(space.available - room, 'b'));
  }
  // Appends until the log is full; all accepted events are then durable.
  uint64_t FillTheLog(support::WalRig& rig, uint64_t first) {
    uint64_t next = first;
    for (; rig.Append(Numbered(next, 1, kEventBytes)) == AppendResult::kAppended; ++next) {
      rig.Work();
      EXPECT_EQ(rig.Journal().DurableEnd(), next + 1);
      EXPECT_LT(next, 10'000U);
    }
    EXPECT_FALSE(rig.Journal().Failed());
    return next;
  }

  support::TempFolder place_;
  std::filesystem::path folder_ = place_.Path() / "disk";
  std::filesystem::path ballast_ = folder_ / "ballast";
};

TEST_F(WalFullDisk, RefusesThenResumesWithoutARestart) {
  Run([this] {
    const auto directory = Directory();
    support::WalRig rig(kOptions);
    rig.Open(*directory);
    FillTheDisk(200'000);
    const uint64_t first = FillTheLog(rig, 0);
    ASSERT_GE(first, 50U);
    EXPECT_EQ(rig.Log().Count("a segment can't be prepared"), 1U);

    // Half is delivered: checkpoints need no extra space, and freed segments are reused.
    EXPECT_EQ(rig.Take(), Numbered(0, first, kEventBytes));
    rig.SettleIf([&](std::string_view value) { return std::stoull(std::string(value)) < first / 2; });
    rig.Work();
    EXPECT_EQ(rig.Log().Count("the checkpoint can't be saved"), 0U);
    EXPECT_EQ(rig.Log().Count("can't be removed"), 0U);
    const uint64_t second = FillTheLog(rig, first);
    EXPECT_GE(second, first + 10);

    std::filesystem::remove(ballast_);
    rig.Work();
    const uint64_t third = FillTheLog(rig, second);
    EXPECT_GE(third, second + 100);
    rig.Settle();
    EXPECT_EQ(rig.Drain(), Numbered(first, third - first, kEventBytes));
    EXPECT_EQ(rig.Journal().Counts().lost, 0U);
  });
}

TEST_F(WalFullDisk, StartsAgainOnAFullDiskAndDeliversAll) {
  Run([this] {
    uint64_t next = 0;
    {
      const auto directory = Directory();
      support::WalRig rig(kOptions);
      rig.Open(*directory);
      FillTheDisk(100'000);
      next = FillTheLog(rig, 0);
      rig.Take();
      rig.SettleIf([&](std::string_view value) { return std::stoull(std::string(value)) < 5; });
      rig.Work();
    }
    for (int restart = 0; restart < 3; ++restart) {
      const auto directory = Directory();
      support::WalRig rig(kOptions);
      rig.Open(*directory);
      EXPECT_EQ(rig.Journal().Counts().recovered, next - 5);
      EXPECT_EQ(rig.Append({"x"}), AppendResult::kFull);
    }
    const auto directory = Directory();
    support::WalRig rig(kOptions);
    rig.Open(*directory);
    EXPECT_EQ(rig.Drain(), Numbered(5, next - 5, kEventBytes))
        << "no space to write, but delivery needs none";
    EXPECT_EQ(rig.Journal().Counts().lost, 0U);
    EXPECT_GE(FillTheLog(rig, next), next + 10) << "the space of delivered events must be reused";
  });
}

TEST_F(WalFullDisk, StartInAnEmptyFolderSaysWhatIsWrong) {
  Run([this] {
    const auto directory = Directory();
    FillTheDisk(0);
    support::WalRig rig(kOptions);
    const auto opened = rig.TryOpen(*directory);
    ASSERT_FALSE(opened);
    EXPECT_TRUE(opened.error().message.contains("No space left on device")) << opened.error().message;
    std::filesystem::remove(ballast_);
    EXPECT_TRUE(rig.TryOpen(*directory));
  });
}

// With threads, as in the service: only the journal's own threads can notice that there is space again.
TEST_F(WalFullDisk, ThreadsNoticeTheRoomByThemselves) {
  Run([this] {
    const auto directory = Directory();
    support::RealClock clock;
    support::RecordingLog log;
    const auto journal = std::move(WalJournal::Open(kOptions, *directory, clock, log, 1).value());
    FillTheDisk(100'000);
    WalThreads threads(*journal, clock, {});
    threads.Start();
    EventBatch batch;
    support::AddRawEvent(batch, "event", "k", kEventBytes);
    uint64_t end = 0;
    const auto append = [&] {
      const Appended appended = journal->Append(batch, clock.Now());
      if (appended == AppendResult::kAppended) end = appended.end;
      std::this_thread::yield();
    };
    while (log.Count("a segment can't be prepared") == 0) append();
    const uint64_t before = end;
    std::filesystem::remove(ballast_);
    while (end < before + 30) append();
    EXPECT_FALSE(journal->Failed());
    journal->Close();
    threads.Stop();
    EXPECT_EQ(journal->DurableEnd(), end);
  });
}

}  // namespace
}  // namespace ei::wal
