#include "adapters/wal/deferred_events.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace ei::wal {
namespace {

// Of partition `hash` % 4.
JournalEvent Event(uint64_t position, uint32_t hash) {
  JournalEvent event;
  event.position = position;
  event.key_hash = hash;
  event.has_key = true;
  event.accepted_at = base::SteadyTime(base::Duration(static_cast<int64_t>(position)));
  return event;
}

std::vector<StalledTopic> Stalls(std::vector<int32_t> stalled, uint32_t partitions = 4) {
  return {{"t", partitions, std::move(stalled)}};
}

class DeferredEventsTest : public ::testing::Test {
 protected:
  bool Defer(uint64_t position, uint32_t hash) { return events_.Defer("t", Event(position, hash)); }
  bool Return(uint64_t position, uint32_t hash) { return events_.Return("t", Event(position, hash)); }

  DeferredEvents events_{100};
};

TEST_F(DeferredEventsTest, OfAStalledPartitionAllOthersPass) {
  EXPECT_FALSE(events_.Active());
  EXPECT_FALSE(Defer(0, 1));
  events_.UseStalls(Stalls({1, 3}));
  EXPECT_TRUE(events_.Active());
  EXPECT_TRUE(Defer(1, 1));
  EXPECT_FALSE(Defer(2, 2));
  EXPECT_TRUE(Defer(3, 7));
  EXPECT_FALSE(events_.Defer("other", Event(4, 1)));
  JournalEvent keyless = Event(5, 1);
  keyless.has_key = false;
  EXPECT_FALSE(events_.Defer("t", keyless));
  EXPECT_EQ(events_.Events(), 2U);
  EXPECT_EQ(events_.NextReturn(), std::nullopt);
}

TEST_F(DeferredEventsTest, LaterOnesWaitUntilAllBeforeThemHaveReturned) {
  events_.UseStalls(Stalls({1}));
  EXPECT_TRUE(Defer(1, 1));
  EXPECT_TRUE(Defer(2, 5));
  events_.UseStalls({});
  EXPECT_TRUE(Defer(3, 1)) << "two older ones are not back yet";
  EXPECT_EQ(events_.NextReturn(), 1U);
  EXPECT_FALSE(Return(2, 5)) << "an older one is not back";
  EXPECT_TRUE(Return(1, 1));
  EXPECT_FALSE(Return(1, 1)) << "it has returned";
  EXPECT_TRUE(Return(2, 5));
  EXPECT_TRUE(Return(3, 1));
  EXPECT_FALSE(events_.Active());
  EXPECT_FALSE(Defer(4, 1));
}

TEST_F(DeferredEventsTest, APartitionThatStallsAgainKeepsWhatHasNotReturned) {
  events_.UseStalls(Stalls({1, 2}));
  for (uint64_t position = 0; position < 6; ++position) {
    EXPECT_TRUE(Defer(position, 1 + (position % 2)));
  }
  events_.UseStalls(Stalls({2}));
  EXPECT_TRUE(Return(0, 1));
  events_.UseStalls(Stalls({1}));
  EXPECT_EQ(events_.NextReturn(), 1U);
  EXPECT_FALSE(Return(2, 1));
  EXPECT_TRUE(Return(1, 2));
  EXPECT_TRUE(Return(3, 2));
  EXPECT_EQ(events_.Events(), 3U);
  EXPECT_EQ(events_.NextReturn(), 5U);
}

TEST_F(DeferredEventsTest, ATopicThatGrowsKeepsTheOrderOfItsKeys) {
  events_.UseStalls(Stalls({1}));
  EXPECT_TRUE(Defer(1, 5));  // of partition 5 among 8
  events_.UseStalls(Stalls({3}, 8));
  EXPECT_TRUE(Defer(2, 5)) << "behind the older event of its key";
  EXPECT_TRUE(Defer(3, 3)) << "stalled by the new layout";
  EXPECT_TRUE(Defer(4, 7)) << "shares a bucket with what is deferred";
  EXPECT_FALSE(Defer(5, 4));
  EXPECT_EQ(events_.NextReturn(), 1U);
  EXPECT_TRUE(Return(1, 5));
  EXPECT_TRUE(Return(2, 5));
  EXPECT_TRUE(Return(3, 3)) << "the old layout does not show that it is stalled";
  EXPECT_TRUE(Return(4, 7));
  EXPECT_FALSE(Defer(6, 7)) << "by the new layout its partition accepts events";
  EXPECT_TRUE(Defer(7, 3));
  EXPECT_EQ(events_.NextReturn(), std::nullopt);
}

TEST_F(DeferredEventsTest, LostOnesCountOnlyWhereTheyCouldHaveReturned) {
  events_.UseStalls(Stalls({1, 2}));
  EXPECT_TRUE(Defer(1, 1));
  EXPECT_TRUE(Defer(2, 2));
  EXPECT_TRUE(Defer(3, 1));
  EXPECT_TRUE(Defer(9, 1));
  events_.UseStalls(Stalls({2}));
  EXPECT_EQ(events_.DropLost(1, 9), (std::vector<uint64_t>{1, 3}));
  EXPECT_EQ(events_.NextReturn(), 9U);
  EXPECT_EQ(events_.Events(), 2U);
}

TEST_F(DeferredEventsTest, TellsTheOldestAndWhenItIsFull) {
  EXPECT_EQ(events_.Oldest(), std::nullopt);
  events_.UseStalls(Stalls({0, 1}));
  for (uint64_t position = 50; position < 150; ++position) {
    EXPECT_FALSE(events_.Full());
    EXPECT_TRUE(Defer(position, position % 2 == 0 ? 0 : 1));
  }
  EXPECT_TRUE(events_.Full());
  EXPECT_EQ(events_.Oldest(), base::SteadyTime(base::Duration(50)));
  events_.UseStalls(Stalls({1}));
  EXPECT_TRUE(Return(50, 0));
  EXPECT_EQ(events_.Oldest(), base::SteadyTime(base::Duration(51)));
  EXPECT_FALSE(events_.Full());
}

}  // namespace
}  // namespace ei::wal
