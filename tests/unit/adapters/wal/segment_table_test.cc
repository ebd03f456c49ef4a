#include "adapters/wal/segment_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/random.h"

namespace ei::wal {
namespace {

constexpr base::SteadyTime kNow{};

SegmentHeader Header(uint64_t number, uint64_t first_position) {
  return {.number = number, .first_position = first_position, .salt = 1, .segment_bytes = 100};
}

TEST(SegmentTable, EventsBelongToTheSegmentThatWasBegunBeforeThem) {
  SegmentTable table;
  EXPECT_EQ(table.At(0), nullptr);
  table.Begin(Header(3, 0), kNow);
  table.Append(10);
  table.Begin(Header(4, 10), kNow);
  table.Append(5);
  EXPECT_EQ(table.At(9)->header.number, 3U);
  EXPECT_EQ(table.At(10)->header.number, 4U);
  EXPECT_EQ(table.EndOf({0, 3}), 10U);
  EXPECT_EQ(table.EndOf({10, 4}), 15U);
  EXPECT_EQ(table.Unsettled(), 15U);
  EXPECT_EQ(table.Bytes(), 200U);
}

TEST(SegmentTable, FilledSegmentIsDoneWithItsLastEvent) {
  SegmentTable table;
  table.Begin(Header(0, 0), kNow);
  table.Append(10);
  table.Settle(0, 10);
  EXPECT_TRUE(table.Done().empty()) << "it may get more";
  table.Begin(Header(1, 10), kNow);
  table.Append(10);
  EXPECT_EQ(table.Done(), (std::set<SegmentTable::Key>{{0, 0}}));
  EXPECT_EQ(table.TakeNewlyDone().size(), 1U);
  EXPECT_TRUE(table.TakeNewlyDone().empty());
}

// The state after a crash: the newest commit, from 8 to 10, is written again.
TEST(SegmentTable, EventsOfACommitThatIsWrittenAgainMoveToItsNewSegment) {
  SegmentTable table;
  const std::vector found = {Header(0, 0), Header(1, 8)};
  table.Recover(found, SettledMap(6), 10, kNow);
  EXPECT_EQ(table.Unsettled(), 4U);
  table.Begin(Header(2, 8), kNow);
  EXPECT_EQ(table.At(8)->header.number, 2U);
  EXPECT_TRUE(table.Done().contains({8, 1})) << "it has no events left";
  EXPECT_EQ(table.Settle(8, 10), 2U);
  EXPECT_EQ(table.Settle(0, 8), 2U);
  EXPECT_TRUE(table.Done().contains({0, 0}));
}

TEST(SegmentTable, AgreesWithAWalkThroughAllSegments) {
  support::Random random(support::SeedOr(11));
  for (int round = 0; round < 300; ++round) {
    SegmentTable table;
    std::set<uint64_t> settled;
    std::vector<SegmentHeader> there;
    std::vector<SegmentHeader> found;
    uint64_t end = 0;
    uint64_t number = 0;
    SettledMap before(random.Below(3));
    for (uint64_t p = 0; p < before.Below(); ++p) settled.insert(p);
    for (uint64_t count = random.Below(5); count > 0; --count) {
      found.push_back(Header(number += random.Between(1, 2), end));
      end += random.Between(1, 10);
    }
    end = std::max(end, before.Below());
    if (random.OneIn(2) && end > 4) {
      before.Mark(3, 5);
      settled.insert({3, 4});
    }
    table.Recover(found, before, end, kNow);
    there = found;
    uint64_t open = 0;
    const auto end_of = [&](size_t i) { return i + 1 < there.size() ? there[i + 1].first_position : end; };
    for (int step = 0; step < 200; ++step) {
      switch (random.Below(4)) {
        case 0: {
          there.push_back(Header(++number, end));
          table.Begin(there.back(), kNow);
          open = number;
          break;
        }
        case 1: {
          if (open == 0) break;
          const uint64_t events = random.Between(1, 6);
          table.Append(events);
          end += events;
          break;
        }
        case 2: {
          const uint64_t begin = random.Below(end + 1);
          const uint64_t to = std::min(end, begin + random.Between(1, random.OneIn(4) ? 40 : 4));
          uint64_t fresh = 0;
          for (uint64_t p = begin; p < to; ++p) fresh += settled.insert(p).second ? 1 : 0;
          ASSERT_EQ(table.Settle(begin, to), fresh);
          break;
        }
        default: {
          if (table.Done().empty()) break;
          const SegmentTable::Key gone = *table.Done().begin();
          table.Remove(gone);
          std::erase_if(there, [&](const SegmentHeader& header) { return header.number == gone.number; });
        }
      }
      std::set<SegmentTable::Key> done;
      uint64_t unsettled = 0;
      for (uint64_t p = 0; p < end; ++p) unsettled += settled.contains(p) ? 0 : 1;
      for (size_t i = 0; i < there.size(); ++i) {
        uint64_t left = 0;
        for (uint64_t p = there[i].first_position; p < end_of(i); ++p) left += settled.contains(p) ? 0 : 1;
        ASSERT_EQ(table.Find(KeyOf(there[i]))->unsettled, left);
        if (left == 0 && there[i].number != open) done.insert(KeyOf(there[i]));
      }
      ASSERT_EQ(table.Done(), done);
      ASSERT_EQ(table.Unsettled(), unsettled);
      ASSERT_EQ(table.Bytes(), 100 * there.size());
      ASSERT_EQ(table.End(), end);
    }
  }
}

}  // namespace
}  // namespace ei::wal
