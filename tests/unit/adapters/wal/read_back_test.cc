// ReadBack: reads events that had no room in memory back from the disk.

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "base/murmur2.h"
#include "journal/stalled_topic.h"
#include "support/sim_disk.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

using support::DiskCall;
using support::DiskFault;
using support::Numbered;
using support::SimDisk;
using Strings = std::vector<std::string>;

class ReadBackTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() { rig_.Open(*(folder_ = disk_.Mount())); }
  // Opens another log, a larger one with this window.
  void OpenLarge(WalOptions window) {
    window.bytes_max = 64 << 20;
    window.segment_bytes = 4 << 20;
    rig_.Options() = window;
    rig_.Open(*(folder_ = large_disk_.Mount()));
  }

  // One batch for each event, each in a separate frame.
  void Fill(uint64_t first, uint64_t count, size_t size = 0) {
    for (const std::string& value : Numbered(first, count, size)) {
      ASSERT_EQ(rig_.Append({value}), AppendResult::kAppended);
      rig_.Work();
    }
  }

  SimDisk disk_{1};
  SimDisk large_disk_{2};
  std::unique_ptr<Directory> folder_;
  support::WalRig rig_{{.bytes_max = 512 << 10, .segment_bytes = 16 << 10, .window_events_max = 10}};
};

TEST_F(ReadBackTest, EventsBeyondTheWindowAreReadBackInOrder) {
  Fill(0, 200);
  EXPECT_EQ(rig_.Journal().Counts().backlog_events, 190U);
  EXPECT_EQ(rig_.Journal().Stats().events, 200U);
  EXPECT_EQ(rig_.Take(), Numbered(0, 10));
  rig_.Work();
  EXPECT_EQ(rig_.Take(), Strings{}) << "taken is not settled: no room yet";
  rig_.SettleIf([](std::string_view value) { return value < "5"; });
  rig_.Work();
  EXPECT_EQ(rig_.Take(), Numbered(10, 1)) << "reading starts once half of the window is free";
  EXPECT_EQ(rig_.Drain(), Numbered(11, 189));
  EXPECT_EQ(rig_.Journal().Counts().backlog_events, 0U);
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
}

TEST_F(ReadBackTest, EventsGoOutFromMemoryAgainOnceTheBacklogIsGone) {
  Fill(0, 50);
  rig_.Drain();
  const uint64_t reads = disk_.Counts().calls[static_cast<size_t>(DiskCall::kRead)];
  Fill(50, 5);
  EXPECT_EQ(rig_.Take(), Numbered(50, 5));
  EXPECT_EQ(disk_.Counts().calls[static_cast<size_t>(DiskCall::kRead)], reads);
}

TEST_F(ReadBackTest, EventsAcceptedDuringABacklogComeAfterIt) {
  Fill(0, 30);
  Strings values;
  for (uint64_t next = 30; next < 200; next += 2) {
    const auto some = rig_.Take(3);
    values.insert(values.end(), some.begin(), some.end());
    rig_.Settle();
    Fill(next, 2);
  }
  const auto rest = rig_.Drain();
  values.insert(values.end(), rest.begin(), rest.end());
  EXPECT_EQ(values, Numbered(0, 200));
}

TEST_F(ReadBackTest, BatchLargerThanTheWindowGetsThrough) {
  ASSERT_EQ(rig_.Append(Numbered(0, 40)), AppendResult::kAppended);
  ASSERT_EQ(rig_.Append(Numbered(40, 1)), AppendResult::kAppended);
  rig_.Work();
  Fill(41, 9);
  ASSERT_EQ(rig_.Append(Numbered(50, 40)), AppendResult::kAppended);
  EXPECT_EQ(rig_.Drain(), Numbered(0, 90));
}

TEST_F(ReadBackTest, WindowIsBoundByItsMemoryToo) {
  OpenLarge({.window_bytes_max = 4 << 20});
  uint64_t most = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(i, 1, 100'000)), AppendResult::kAppended);
    rig_.Work();
    most = std::max(most, rig_.Journal().Counts().memory_bytes);
  }
  EXPECT_LE(most, 4U << 20);
  EXPECT_GT(rig_.Journal().Counts().backlog_events, 300U);
  EXPECT_EQ(rig_.Drain(), Numbered(0, 400, 100'000));
  EXPECT_LE(rig_.Journal().Counts().memory_bytes, 1U << 20);
}

// Keys by the partition that they belong to, of two.
std::string KeyFor(uint32_t partition) {
  std::string key = "k";
  while (PartitionOf(base::Murmur2(key), 2) != partition) key += 'k';
  return key;
}
std::vector<StalledTopic> Stalled(std::vector<int32_t> partitions) {
  return {{"", 2, std::move(partitions)}};
}

TEST_F(ReadBackTest, AStalledPartitionDoesNotKeepOthersOutOfTheWindow) {
  Strings stalled;
  Strings others;
  for (uint64_t i = 0; i < 60; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_EQ(rig_.Append({value}, KeyFor(i % 3 == 0 ? 0 : 1)), AppendResult::kAppended);
    rig_.Work();
    (i % 3 == 0 ? stalled : others).push_back(value);
  }
  const auto is_stalled = [&](std::string_view value) -> bool {
    return std::ranges::find(stalled, value) != stalled.end();
  };
  rig_.Take();
  rig_.SettleIf([&](std::string_view value) { return !is_stalled(value); });
  rig_.Journal().SetStalls(Stalled({0}));
  Strings taken;
  for (int i = 0; i < 60; ++i) {
    rig_.Work();
    for (const std::string& value : rig_.Take()) taken.push_back(value);
    rig_.SettleIf([&](std::string_view value) { return !is_stalled(value); });
  }
  EXPECT_TRUE(std::ranges::none_of(taken, is_stalled));
  EXPECT_EQ(taken.size(), others.size() - 6) << "all but those of the first window";
  EXPECT_EQ(rig_.Journal().Counts().deferred_events, 16U);
  EXPECT_EQ(rig_.Journal().Counts().backlog_events, 16U);
  EXPECT_EQ(rig_.Journal().Stats().events, 20U);

  ASSERT_EQ(rig_.Append({"60"}, KeyFor(0)), AppendResult::kAppended);
  ASSERT_EQ(rig_.Append({"61"}, KeyFor(1)), AppendResult::kAppended);
  rig_.Work();
  EXPECT_EQ(rig_.Take(), Strings{"61"});
  rig_.Journal().SetStalls({});
  stalled.emplace_back("60");
  EXPECT_EQ(rig_.Drain(), Strings(stalled.begin() + 4, stalled.end()));
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
  EXPECT_EQ(rig_.Journal().Counts().deferred_events, 0U);
}

TEST_F(ReadBackTest, TheBacklogIsReadWhileDeferredEventsReturn) {
  rig_.Journal().SetStalls(Stalled({0}));
  for (uint64_t i = 0; i < 30; ++i)
    ASSERT_EQ(rig_.Append({std::to_string(i)}, KeyFor(0)), AppendResult::kAppended);
  rig_.Work();
  EXPECT_EQ(rig_.Journal().Counts().deferred_events, 30U);
  for (uint64_t i = 30; i < 60; ++i) {
    ASSERT_EQ(rig_.Append({std::to_string(i)}, KeyFor(1)), AppendResult::kAppended);
    rig_.Work();
  }
  EXPECT_GT(rig_.Journal().Counts().backlog_events, 40U);
  rig_.Take();
  rig_.Journal().SetStalls({});
  rig_.Settle();
  std::set<bool> old;
  for (int i = 0; i < 4; ++i) {
    rig_.Work();
    for (const std::string& value : rig_.Take())
      old.insert(std::stoi(value) < 30);  // ban-ok(string-to-number): a test
    rig_.Settle();
  }
  EXPECT_EQ(old.size(), 2U) << "each of the two waits for the other's end";
  rig_.Drain();
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
}

TEST_F(ReadBackTest, TooManyDeferredEventsHoldUpTheBacklog) {
  rig_.Journal().SetStalls(Stalled({0}));
  for (uint64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(rig_.Append({std::to_string(i)}, KeyFor(0)), AppendResult::kAppended);
    rig_.Work();
  }
  EXPECT_EQ(rig_.Journal().Counts().deferred_events, 40U) << "four windows";
  EXPECT_TRUE(rig_.Journal().AboveHighWatermark());
  EXPECT_EQ(rig_.Take(), Strings{});
  rig_.Journal().SetStalls({});
  EXPECT_EQ(rig_.Drain(), Numbered(0, 100));
}

TEST_F(ReadBackTest, DeferredEventsThatCantBeReadDoNotDelayTheBacklog) {
  rig_.Journal().SetStalls(Stalled({0}));
  ASSERT_EQ(rig_.Append({"value-0"}, KeyFor(0)), AppendResult::kAppended);
  rig_.Work();
  const std::string name = disk_.SeenNames().front();
  disk_.MakeUnreadable(name, disk_.Seen(name).find("value-0"), 1);
  for (uint64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(i, 1), KeyFor(1)), AppendResult::kAppended);
    rig_.Work();
  }
  rig_.Journal().SetStalls({});
  EXPECT_EQ(rig_.Drain(), Numbered(0, 100));
  EXPECT_EQ(rig_.Journal().Counts().unreadable, 1U);
  EXPECT_EQ(rig_.Log().Count("the log can't be read"), 1U);
  EXPECT_EQ(rig_.Log().Count("the log can be read again"), 0U);
  disk_.Heal();
  EXPECT_EQ(rig_.Drain(), Strings{"value-0"});
  EXPECT_EQ(rig_.Journal().Counts().unreadable, 0U);
  EXPECT_EQ(rig_.Log().Count("the log can be read again"), 1U);
}

TEST_F(ReadBackTest, DeferredEventsThatCantBeReadAreLostOnceTheyReturn) {
  rig_.Journal().SetStalls(Stalled({0}));
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_EQ(rig_.Append({"value-" + std::to_string(i)}, KeyFor(i % 2)), AppendResult::kAppended);
    rig_.Work();
  }
  EXPECT_EQ(rig_.Take(), (Strings{"value-1", "value-3"}));
  rig_.Settle();
  const std::string name = disk_.SeenNames().front();
  disk_.FlipBit(name, disk_.Seen(name).find("value-2"), 0);
  rig_.Work();
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U) << "not read yet";
  rig_.Journal().SetStalls({});
  EXPECT_EQ(rig_.Drain(), Strings{"value-0"});
  EXPECT_EQ(rig_.Journal().Counts().lost, 1U);
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
}

// One event in ten stays unsettled, as when one partition of ten is stalled: it must not block the others'
// memory.
TEST_F(ReadBackTest, UnsettledEventsLeaveTheWindowToOthers) {
  OpenLarge({.window_bytes_max = 4 << 20});
  Strings stay;
  for (uint64_t i = 0; i < 2'000; ++i) {
    const Strings value = Numbered(i, 1, 10'000);
    ASSERT_EQ(rig_.Append(value), AppendResult::kAppended);
    rig_.Work();
    ASSERT_EQ(rig_.Take(), value) << "from memory: there is no backlog";
    if (i % 10 == 0) {
      stay.push_back(value.front());
    } else {
      rig_.SettleIf([&](std::string_view text) { return text == value.front(); });
    }
  }
  EXPECT_EQ(rig_.Journal().Counts().backlog_events, 0U);
  const uint64_t staying = stay.size() * (10'000 + kEventOverheadBytes);
  EXPECT_GE(rig_.Journal().Counts().memory_bytes, staying) << "the sink has them";
  EXPECT_LE(rig_.Journal().Counts().memory_bytes, staying + 2 * EventBlock::kBytes);
  Strings left;
  for (const JournalEvent& event : rig_.Taken()) left.emplace_back(event.value);
  EXPECT_EQ(left, stay);
  rig_.Settle();
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
  EXPECT_LE(rig_.Journal().Counts().memory_bytes, 2 * EventBlock::kBytes);
}

TEST_F(ReadBackTest, DiskThatCannotBeReadForAMomentCostsNothing) {
  Fill(0, 50);
  rig_.Take();
  disk_.FailOneIn(DiskCall::kRead, 1, DiskFault::kEio);
  rig_.Settle();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(rig_.Journal().ReadBack(), Work::kLater);
  EXPECT_EQ(rig_.Log().Count("can't be read; retrying"), 1U);
  disk_.FailNoMore();
  EXPECT_EQ(rig_.Drain(), Numbered(10, 40));
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
}

// Near the window's limit a new backlog begins with each commit, far behind the segment's front.
TEST_F(ReadBackTest, ReadingBackBeginsWhereTheBacklogDoes) {
  OpenLarge({.window_events_max = 10});
  for (uint64_t i = 0; i < 300; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(i, 1, 10'000)), AppendResult::kAppended);
    rig_.Work();
    rig_.Take();
    rig_.Settle();
  }
  const auto reads = [&] { return large_disk_.Counts().calls[static_cast<size_t>(DiskCall::kRead)]; };
  for (uint64_t i = 300; i < 350; i += 11) {
    Fill(i, 11, 10'000);
    const uint64_t before = reads();
    EXPECT_EQ(rig_.Journal().Counts().backlog_events, 1U);
    EXPECT_EQ(rig_.Drain(), Numbered(i, 11, 10'000));
    EXPECT_LE(reads() - before, 3U);
  }
}

TEST_F(ReadBackTest, SettledEventsAreNotReadAgain) {
  Fill(0, 50);
  rig_.Take();
  rig_.SettleIf([](std::string_view value) { return value != "0"; });
  while (rig_.Journal().Stats().events > 2) {
    rig_.Work();
    rig_.Take();
    rig_.SettleIf([](std::string_view value) { return value != "0" && value != "49"; });
  }
  rig_.Journal().Finish();
  disk_.Crash();
  // Between the two that are left; the newest segment is another one.
  const std::string oldest = disk_.SeenNames().front();
  for (const char* gone : {"10", "15", "20"}) {
    const size_t at = disk_.Seen(oldest).find(gone);
    ASSERT_NE(at, std::string::npos);
    disk_.MakeUnreadable(oldest, at / 512 * 512 + 511, 1);
  }
  Open();
  EXPECT_EQ(rig_.Drain(), (Strings{"0", "49"}));
}

// For hours, over several segments: data that the disk can't read today may be readable tomorrow.
TEST_F(ReadBackTest, UnreadableEventsWaitAsLongAsNeeded) {
  Fill(0, 50);
  rig_.Take();
  rig_.Settle();
  disk_.FailOneIn(DiskCall::kRead, 1, DiskFault::kEio);
  for (int i = 0; i < 20'000; ++i) {
    EXPECT_EQ(rig_.Journal().ReadBack(), Work::kLater);
    rig_.Clock().Advance(std::chrono::seconds(1));
  }
  WalCounts counts = rig_.Journal().Counts();
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(counts.set_aside, 0U);
  EXPECT_EQ(counts.unreadable, 1U);
  EXPECT_EQ(rig_.Journal().Stats().events, 40U);
  Fill(50, 20);
  EXPECT_EQ(rig_.Take(), Strings{}) << "they may have the same keys as the unreadable events";
  disk_.FailNoMore();
  rig_.Clock().Advance(std::chrono::seconds(1));
  EXPECT_EQ(rig_.Drain(), Numbered(10, 60));
  counts = rig_.Journal().Counts();
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_EQ(counts.unreadable, 0U);
}

TEST_F(ReadBackTest, UnreadableFileIsNamedOnceAMinuteWithTheRemedy) {
  Fill(0, 50);
  rig_.Take();
  rig_.Settle();
  disk_.FailOneIn(DiskCall::kRead, 1, DiskFault::kEio);
  for (int i = 0; i < 3 * 60 * 10; ++i) {
    rig_.Journal().ReadBack();
    rig_.Clock().Advance(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(rig_.Log().Count("event-ingestor wal repair file=00000000000000000000.wal"), 3U);
  disk_.FailNoMore();
  rig_.Clock().Advance(std::chrono::seconds(1));
  rig_.Work();
  EXPECT_EQ(rig_.Log().Count("INFO the log can be read again"), 1U);
}

TEST_F(ReadBackTest, UnreadableDiskIsAskedOnceASecondInTheEnd) {
  Fill(0, 50);
  rig_.Take();
  rig_.Settle();
  disk_.FailOneIn(DiskCall::kRead, 1, DiskFault::kEio);
  const auto reads = [&] { return disk_.Counts().calls[static_cast<size_t>(DiskCall::kRead)]; };
  const uint64_t before = reads();
  for (int i = 0; i < 100 * 50; ++i) {
    rig_.Journal().ReadBack();
    rig_.Clock().Advance(std::chrono::milliseconds(20));
  }
  EXPECT_GE(reads() - before, 100U);
  EXPECT_LE(reads() - before, 2 * 110U) << "with and without what would be read ahead";
}

// A permanently bad sector: all events before it are delivered, all behind it wait, and a restart changes
// nothing.
TEST_F(ReadBackTest, BadSectorDelaysLaterEventsAndLosesNone) {
  Fill(0, 50);
  const std::string name = disk_.SeenNames().front();
  disk_.MakeUnreadable(name, disk_.Seen(name).find("12"), 1);  // of the first segment
  for (int run = 0; run < 3; ++run) {
    EXPECT_EQ(rig_.Drain(), run == 0 ? Numbered(0, 12) : Strings{});
    rig_.Clock().Advance(std::chrono::hours(1));
    rig_.Work();
    EXPECT_EQ(rig_.Journal().Stats().events, 38U);
    EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
    EXPECT_TRUE(disk_.SeenNames().front() == name);
    disk_.Crash();
    Open();
  }
  disk_.Heal();
  EXPECT_EQ(rig_.Drain(), Numbered(12, 38));
}

// The segment that is being filled is damaged while events of it wait on the disk; more are written behind.
TEST_F(ReadBackTest, DamageInTheSegmentBeingFilledLosesOnlyTheDamagedEvents) {
  Fill(0, 15);
  const std::string name = disk_.SeenNames().front();
  const size_t frame = disk_.Seen(name).find("14");  // the last event's
  disk_.FlipBit(name, frame / 512 * 512, 0);
  rig_.Take();
  rig_.Settle();
  rig_.Work();
  EXPECT_EQ(rig_.Take(), Numbered(10, 4));
  EXPECT_EQ(rig_.Journal().Counts().lost, 1U);
  Fill(15, 12);
  EXPECT_EQ(rig_.Drain(), Numbered(15, 12));
  EXPECT_EQ(rig_.Journal().Counts().lost, 1U);
}

// In any order of work, the events of a key stay in order, each is delivered once, and memory stays in
// bounds.
TEST_F(ReadBackTest, RandomScheduleDeliversAllInOrder) {
  for (uint64_t seed = support::SeedOr(1), end = seed + 30; seed < end; ++seed) {
    SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed);
    support::Random random(seed);
    SimDisk disk(seed);
    const auto folder = disk.Mount();
    support::WalRig rig({.bytes_max = 128 << 10,
                         .segment_bytes = 16 << 10,
                         .window_events_max = random.Between(1, 40),
                         .lanes = random.Between(1, 3)});
    rig.Open(*folder);
    uint64_t next = 0;
    uint64_t delivered = 0;
    std::map<std::string, uint64_t> last_of_key;
    std::map<uint64_t, std::string> keys;
    const auto take = [&](size_t at_most) {
      for (const std::string& value : rig.Take(at_most)) {
        const uint64_t number = std::stoull(value);
        const std::string& key = keys.at(number);
        EXPECT_TRUE(!last_of_key.contains(key) || last_of_key[key] < number) << "overtaken: " << value;
        last_of_key[key] = number;
        ++delivered;
      }
    };
    for (int step = 0; step < 2'000; ++step) {
      switch (random.Below(7)) {
        case 0:
        case 1: {
          const uint64_t count = random.Between(1, 5);
          const std::string key = std::to_string(random.Below(6));
          if (rig.Append(Numbered(next, count, random.Below(400)), key) == AppendResult::kAppended) {
            for (uint64_t i = 0; i < count; ++i) keys[next + i] = key;
            next += count;
          }
          break;
        }
        case 2: rig.Journal().Commit(); break;
        case 3: rig.Journal().ReadBack(); break;
        case 4: rig.Journal().Housekeep(); break;
        case 5: take(random.Between(1, 20)); break;
        default: {
          const uint64_t one_in = random.Between(1, 4);
          rig.SettleIf([&](std::string_view) { return random.Below(one_in) == 0; });
          rig.Clock().Advance(std::chrono::milliseconds(random.Below(60)));
        }
      }
      ASSERT_EQ(rig.Journal().Stats().events, next - delivered + rig.Taken().size());
      ASSERT_LE(rig.Journal().Stats().bytes, 128U << 10);
    }
    for (int idle = 0; idle < 3; ++idle) {
      rig.Settle();
      rig.Work();
      const uint64_t before = delivered;
      take(1'000);
      if (delivered > before) idle = 0;
    }
    EXPECT_EQ(delivered, next);
    EXPECT_EQ(rig.Journal().Counts().lost, 0U);
  }
}

}  // namespace
}  // namespace ei::wal
