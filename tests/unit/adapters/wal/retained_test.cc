// ReadRetained: which events are found after a restart, and for how long they are kept.

#include <gtest/gtest.h>

#include "adapters/wal/segment_files.h"
#include "support/sim_disk.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

using std::chrono::minutes;
using support::Numbered;
using support::SimDisk;
using Strings = std::vector<std::string>;

constexpr uint64_t kSegmentBytes = 8 << 10;
constexpr uint64_t kSegmentEvents = 7;  // of kBytes
constexpr size_t kBytes = 700;

class RetainedTest : public testing::Test {
 protected:
  void Open(uint64_t events, base::Duration time, uint64_t segments_max = 100) {
    rig_.Options().retain_events = events;
    rig_.Options().retain_time = time;
    rig_.Options().bytes_max = segments_max * kSegmentBytes;
    rig_.Open(*(folder_ = disk_.Mount()));
  }
  void Reopen() { rig_.Open(*(folder_ = disk_.Mount())); }
  void Crash() {
    disk_.Crash();
    Reopen();
  }

  // One commit each.
  void Append(uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      ASSERT_EQ(rig_.Append(Numbered(i, 1, kBytes)), AppendResult::kAppended);
      rig_.Work();
    }
  }
  void AppendAndSettle(uint64_t first, uint64_t count) {
    Append(first, count);
    rig_.Take();
    rig_.Settle();
    rig_.Work();
  }

  // The numbers of the events; their positions are the same.
  std::vector<uint64_t> Retained() const {
    std::vector<uint64_t> numbers;
    rig_.Journal().ReadRetained([&](const RetainedEvent& event) {
      numbers.push_back(std::stoull(std::string(event.value)));
      EXPECT_EQ(event.position, numbers.back());
    });
    return numbers;
  }
  static std::vector<uint64_t> Range(uint64_t first, uint64_t end) {
    std::vector<uint64_t> numbers;
    for (uint64_t i = first; i < end; ++i) numbers.push_back(i);
    return numbers;
  }

  SimDisk disk_{1, {.tearing = support::Tearing::kGarbage, .name_loss = support::NameLoss::kAny}};
  std::unique_ptr<Directory> folder_;
  mutable support::WalRig rig_{{.bytes_max = 100 * kSegmentBytes, .segment_bytes = kSegmentBytes}};
};

TEST_F(RetainedTest, WithoutRetentionSettledSegmentsGoAsEver) {
  Open(0, minutes(0));
  AppendAndSettle(0, 100);
  EXPECT_LE(rig_.Journal().Stats().bytes, 3 * kSegmentBytes);
  EXPECT_TRUE(Retained().empty());
}

TEST_F(RetainedTest, TheNewestAreFoundAfterACrashSettledOrNot) {
  Open(50, minutes(10));
  AppendAndSettle(0, 95);
  Append(95, 5);
  Crash();
  EXPECT_EQ(Retained(), Range(50, 100));
  rig_.Journal().ReadRetained(
      [](const RetainedEvent& event) { EXPECT_EQ(event.settled, event.position < 95) << event.position; });
  EXPECT_EQ(rig_.Drain(), Numbered(95, 5, kBytes)) << "retained events are not delivered again";
}

TEST_F(RetainedTest, SegmentsBeyondTheNewestEventsGo) {
  Open(50, minutes(10));
  AppendAndSettle(0, 200);
  const uint64_t segments = 50 / kSegmentEvents + 3;
  EXPECT_LE(rig_.Journal().Stats().bytes, segments * kSegmentBytes);
  EXPECT_EQ(Retained(), Range(150, 200));
}

TEST_F(RetainedTest, SegmentsGoAfterTheirTime) {
  Open(1'000, minutes(10));
  AppendAndSettle(0, 50);  // a second each
  rig_.Clock().Advance(minutes(7));
  AppendAndSettle(50, 50);
  EXPECT_EQ(Retained(), Range(0, 100));
  rig_.Clock().Advance(minutes(3));
  EXPECT_EQ(Retained(), Range(50, 100)) << "a segment may be there still, its events are too old";
  AppendAndSettle(100, 1);
  EXPECT_LE(rig_.Journal().Stats().bytes, (50 / kSegmentEvents + 4) * kSegmentBytes);
  rig_.Clock().Advance(minutes(20));
  AppendAndSettle(101, 1);
  EXPECT_LE(rig_.Journal().Stats().bytes, 3 * kSegmentBytes);
  EXPECT_EQ(Retained(), Range(101, 102));
}

TEST_F(RetainedTest, AFullLogTakesTheOldestRoomAndNoMore) {
  Open(1'000'000, minutes(10), 10);
  for (uint64_t i = 0; i < 300; ++i) {
    AppendAndSettle(i, 1);
    ASSERT_LE(rig_.Journal().Stats().bytes, 10 * kSegmentBytes);
    ASSERT_FALSE(rig_.Journal().Full(kBytes));
  }
  const auto kept = Retained();
  EXPECT_GE(kept.size(), 7 * kSegmentEvents);
  EXPECT_EQ(kept, Range(300 - kept.size(), 300)) << "without a gap";
  Crash();
  EXPECT_EQ(Retained(), kept);
}

TEST_F(RetainedTest, UnsettledEventsAreNeverDroppedForRetainedOnes) {
  Open(1'000'000, minutes(10), 10);
  Append(0, 3 * kSegmentEvents);
  AppendAndSettle(3 * kSegmentEvents, 0);
  uint64_t next = 3 * kSegmentEvents;
  while (rig_.Append(Numbered(next, 1, kBytes)) == AppendResult::kAppended) {
    ++next;
    rig_.Work();
  }
  EXPECT_GE(next, 9 * kSegmentEvents) << "all retained segments were released for new ones";
  Crash();
  EXPECT_EQ(rig_.Drain().size(), next - 3 * kSegmentEvents);
}

TEST_F(RetainedTest, AnEventThatIsDamagedIsPassedOver) {
  Open(1'000, minutes(10));
  AppendAndSettle(0, 3 * kSegmentEvents);
  rig_.Close();
  disk_.ZeroRange(SegmentName(1), kSegmentHeaderBytes + kSectorBytes, 100);
  disk_.ZeroRange(SegmentName(1), kSegmentHeaderBytes + 2 * 1024, 512);
  Reopen();
  auto expected = Range(0, 3 * kSegmentEvents);
  std::erase(expected, kSegmentEvents);
  std::erase(expected, kSegmentEvents + 2);
  EXPECT_EQ(Retained(), expected);
}

TEST_F(RetainedTest, ASecondRestartFindsThemAgain) {
  Open(1'000, minutes(10));
  AppendAndSettle(0, 30);
  for (int i = 0; i < 3; ++i) {
    Crash();
    EXPECT_EQ(Retained(), Range(0, 30)) << "the newest commit is now in two segments";
    rig_.Work();
    EXPECT_EQ(Retained(), Range(0, 30));
  }
  AppendAndSettle(30, 1);
  EXPECT_EQ(Retained(), Range(0, 31));
}

TEST_F(RetainedTest, EventsTellWhenTheyWereAccepted) {
  Open(1'000, minutes(10));
  AppendAndSettle(0, 1);
  rig_.Clock().Advance(minutes(3));
  AppendAndSettle(1, 1);
  Crash();
  std::vector<base::Duration> ages;
  rig_.Journal().ReadRetained(
      [&](const RetainedEvent& event) { ages.push_back(rig_.Clock().Now() - event.accepted_at); });
  ASSERT_EQ(ages.size(), 2U);
  EXPECT_GT(ages[0], minutes(3));
  EXPECT_LT(ages[0], minutes(4));
  EXPECT_LT(ages[1], minutes(1));
}

// A loss of power at any step while segments are retained and released: durable events are found without a
// gap.
TEST_F(RetainedTest, CrashAtAnyStepLeavesTheNewest) {
  for (uint64_t stop = 1; stop < 400; stop += 3) {
    SCOPED_TRACE(stop);
    SimDisk disk(stop, {.tearing = support::Tearing::kGarbage, .name_loss = support::NameLoss::kAny});
    auto folder = disk.Mount();
    support::WalRig rig({.bytes_max = 6 * kSegmentBytes,
                         .segment_bytes = kSegmentBytes,
                         .retain_events = 20,
                         .retain_time = minutes(10)});
    rig.Open(*folder);
    disk.StopAfter(stop);
    for (uint64_t i = 0; i < 60 && !disk.Stopped(); ++i) {
      rig.Append(Numbered(i, 1, kBytes));
      rig.Work();
      rig.Take();
      rig.Settle();
      rig.Work();
    }
    const uint64_t durable = rig.Journal().DurableEnd();
    rig.Close();
    disk.Crash();
    rig.Open(*(folder = disk.Mount()));
    uint64_t next = durable - std::min<uint64_t>(durable, 19);
    rig.Journal().ReadRetained([&](const RetainedEvent& event) {
      if (event.position < next) return;
      EXPECT_EQ(event.position, next++);
    });
    EXPECT_GE(next, durable);
  }
}

}  // namespace
}  // namespace ei::wal
