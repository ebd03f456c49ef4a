#include "adapters/wal/settled_map.h"

#include <gtest/gtest.h>

#include <set>

#include "support/random.h"

namespace ei::wal {
namespace {

using Runs = std::map<uint64_t, uint64_t>;

TEST(SettledMap, OrderMovesTheLowBoundAndKeepsNoRuns) {
  SettledMap map(5);
  map.Mark(5, 8);
  map.Mark(8, 9);
  EXPECT_EQ(map.Below(), 9U);
  EXPECT_TRUE(map.Runs().empty());
}

TEST(SettledMap, GapsKeepRunsApartUntilTheyAreFilled) {
  SettledMap map;
  map.Mark(10, 12);
  map.Mark(4, 6);
  map.Mark(14, 15);
  EXPECT_EQ(map.Runs(), (Runs{{4, 6}, {10, 12}, {14, 15}}));
  map.Mark(12, 14);
  EXPECT_EQ(map.Runs(), (Runs{{4, 6}, {10, 15}})) << "neighbours become one";
  map.Mark(0, 4);
  EXPECT_EQ(map.Below(), 6U);
  EXPECT_EQ(map.Runs(), (Runs{{10, 15}}));
  map.Mark(6, 10);
  EXPECT_EQ(map.Below(), 15U);
  EXPECT_TRUE(map.Runs().empty());
}

TEST(SettledMap, WhatIsMarkedAlreadyChangesNothing) {
  SettledMap map(10);
  map.Mark(20, 30);
  map.Mark(0, 10);
  map.Mark(22, 25);
  map.Mark(20, 30);
  map.Mark(25, 25);
  EXPECT_EQ(map.Below(), 10U);
  EXPECT_EQ(map.Runs(), (Runs{{20, 30}}));
  map.Mark(0, 100);
  EXPECT_EQ(map.Below(), 100U);
  EXPECT_TRUE(map.Runs().empty());
}

TEST(SettledMap, AlwaysLowestEndHoldsHoweverTheGapsAreCut) {
  constexpr size_t kRuns = 10;
  SettledMap map;
  map.Mark(11, 100);
  EXPECT_EQ(map.LowestEnd(kRuns), 100U);
  EXPECT_EQ(map.AlwaysLowestEnd(kRuns), 10U) << "as the gap may become eleven";
  map.Mark(3, 4);
  EXPECT_EQ(map.AlwaysLowestEnd(kRuns), 100U);
  for (uint64_t position = 0; position < 11; position += 2) map.Mark(position, position + 1);
  EXPECT_LE(map.Runs().size(), kRuns);
  EXPECT_TRUE(map.Lowest(kRuns).Contains(99));
}

TEST(SettledMap, LowestKeepsTheFirstRunsAndTheLowBound) {
  SettledMap map(3);
  for (uint64_t run = 1; run <= 5; ++run) map.Mark(run * 10, run * 10 + 2);
  const SettledMap lowest = map.Lowest(2);
  EXPECT_EQ(lowest.Below(), 3U);
  EXPECT_EQ(lowest.Runs(), (Runs{{10, 12}, {20, 22}}));
  EXPECT_EQ(map.Lowest(9).Runs(), map.Runs());
  EXPECT_TRUE(map.Lowest(0).Runs().empty());
}

TEST(SettledMap, AgreesWithASetOfPositions) {
  constexpr uint64_t kEnd = 300;
  support::Random random(support::SeedOr(4));
  for (int round = 0; round < 200; ++round) {
    const uint64_t below = random.Below(20);
    SettledMap map(below);
    std::set<uint64_t> model;
    for (uint64_t p = 0; p < below; ++p) model.insert(p);
    for (uint64_t step = random.Between(1, 100); step > 0; --step) {
      const uint64_t begin = random.Below(kEnd);
      const uint64_t end = std::min(kEnd, begin + random.Below(random.OneIn(10) ? 80 : 5));
      uint64_t fresh = 0;
      for (uint64_t p = begin; p < end; ++p) fresh += model.insert(p).second ? 1 : 0;
      ASSERT_EQ(map.Mark(begin, end), fresh) << begin << " to " << end;
      const uint64_t from = random.Below(kEnd + 10);
      const uint64_t to = random.Below(kEnd + 10);
      uint64_t unsettled = 0;
      for (uint64_t p = from; p < to; ++p) unsettled += model.contains(p) ? 0 : 1;
      ASSERT_EQ(map.Unsettled(from, to), unsettled) << from << " to " << to;
    }
    for (uint64_t p = 0; p < kEnd; ++p) {
      ASSERT_EQ(map.Contains(p), model.contains(p)) << p;
      uint64_t first = p;
      while (model.contains(first)) ++first;
      ASSERT_EQ(map.FirstUnsettled(p), first) << p;
    }
    for (size_t runs = 0; runs < map.Runs().size() + 2; ++runs) {
      const SettledMap lowest = map.Lowest(runs);
      const auto& left = lowest.Runs();
      ASSERT_EQ(map.LowestEnd(runs), left.empty() ? lowest.Below() : std::prev(left.end())->second);
      ASSERT_EQ(lowest.End(), map.LowestEnd(runs));
    }
    for (size_t gaps = 0; gaps < 5; ++gaps) {
      const uint64_t always = map.AlwaysLowestEnd(gaps);
      ASSERT_EQ(map.Unsettled(0, always), gaps);
      ASSERT_FALSE(model.contains(always));
    }
    ASSERT_FALSE(model.contains(map.Below()));
    uint64_t last_end = map.Below();
    for (const auto& [begin, end] : map.Runs()) {
      ASSERT_GT(begin, last_end) << "apart from what is below";
      ASSERT_GT(end, begin);
      last_end = end;
    }
  }
}

}  // namespace
}  // namespace ei::wal
