#include "journal/event_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/random.h"

namespace ei {
namespace {

using Positions = std::vector<uint64_t>;

class EventBufferTest : public testing::Test {
 protected:
  // Adds an event whose bytes are all `fill`; key_hash nullopt: no key. Returns the lanes that were filled.
  uint64_t Add(EventBuffer& buffer, uint64_t position, std::optional<uint32_t> key_hash, size_t bytes = 10,
               char fill = 'x') {
    char* const room = buffer.Room(bytes);
    std::fill_n(room, bytes, fill);
    JournalEvent event;
    event.position = position;
    event.value = {room, bytes};
    event.has_key = key_hash.has_value();
    event.key_hash = key_hash.value_or(0);
    uint64_t filled = 0;
    buffer.Add(event, buffer.Filling(), filled);
    return filled;
  }

  static std::vector<JournalEvent> TakeEvents(EventBuffer& buffer, size_t lane, size_t at_most = 1'000) {
    std::vector<JournalEvent> events(at_most);
    events.resize(buffer.Take(lane, events));
    return events;
  }
  static Positions Take(EventBuffer& buffer, size_t lane, size_t at_most = 1'000) {
    Positions positions;
    for (const JournalEvent& event : TakeEvents(buffer, lane, at_most)) positions.push_back(event.position);
    return positions;
  }

  static bool IsAll(std::string_view bytes, char fill) {
    return bytes.find_first_not_of(fill) == std::string_view::npos;
  }

  static constexpr size_t kLarge = EventBlock::kBytes + 1;  // gets its own block
  static constexpr size_t kThird = EventBlock::kBytes / 3;

  std::atomic<uint64_t> held_{0};
};

TEST_F(EventBufferTest, KeysChooseTheLaneAndKeylessEventsTakeTurns) {
  EventBuffer buffer(3, held_);
  EXPECT_EQ(Add(buffer, 0, 5), 0b100U);
  EXPECT_EQ(Add(buffer, 1, 6), 0b001U);
  EXPECT_EQ(Add(buffer, 2, 5), 0U) << "the lane was not empty";
  EXPECT_EQ(Add(buffer, 3, std::nullopt), 0U);
  EXPECT_EQ(Add(buffer, 4, std::nullopt), 0b010U);
  EXPECT_EQ(Take(buffer, 2, 1), Positions{0});
  EXPECT_EQ(Add(buffer, 6, 5), 0U);
  EXPECT_EQ(Take(buffer, 2), (Positions{2, 6}));
  EXPECT_EQ(Add(buffer, 7, 5), 0b100U);
  EXPECT_EQ(Take(buffer, 0), (Positions{1, 3}));
  EXPECT_EQ(Take(buffer, 1), Positions{4});
}

TEST_F(EventBufferTest, LanesBeyondSixtyFourShareABit) {
  EventBuffer buffer(70, held_);
  EXPECT_EQ(Add(buffer, 0, 65), uint64_t{1} << 1);
  EXPECT_EQ(Take(buffer, 65), Positions{0});
  std::vector<size_t> woken;
  WakeLanes(uint64_t{1} << 1, buffer.Lanes(), [&](size_t lane) { woken.push_back(lane); });
  EXPECT_EQ(woken, (std::vector<size_t>{1, 65}));
}

TEST_F(EventBufferTest, BlocksAreReleasedByTheTakeAfterTheLastOfTheirEvents) {
  EventBuffer buffer(1, held_);
  for (uint64_t position = 0; position < 3; ++position) Add(buffer, position, 0, kLarge);
  Add(buffer, 3, 0);  // from here on only the lane refers to the large ones
  EXPECT_EQ(held_, 3 * kLarge + EventBlock::kBytes);
  const auto first = TakeEvents(buffer, 0, 2);
  EXPECT_EQ(held_, 3 * kLarge + EventBlock::kBytes);
  EXPECT_TRUE(IsAll(first[0].value, 'x') && IsAll(first[1].value, 'x'));
  const auto last = TakeEvents(buffer, 0, 1);
  EXPECT_EQ(held_, kLarge + EventBlock::kBytes);
  EXPECT_TRUE(IsAll(last[0].value, 'x'));
  EXPECT_EQ(Take(buffer, 0), Positions{3});
  EXPECT_EQ(held_, EventBlock::kBytes);
  EXPECT_EQ(Take(buffer, 0), Positions{});
  EXPECT_EQ(held_, EventBlock::kBytes) << "it is being filled";
}

TEST_F(EventBufferTest, ATakeOfNothingEndsTheViewsToo) {
  EventBuffer buffer(1, held_);
  Add(buffer, 0, 0, kLarge);
  Add(buffer, 1, 0);
  EXPECT_EQ(Take(buffer, 0, 1), Positions{0});
  EXPECT_EQ(Take(buffer, 0, 0), Positions{});
  EXPECT_EQ(held_, EventBlock::kBytes);
  EXPECT_EQ(Take(buffer, 0), Positions{1});
}

// A block is kept as long as a lane has events or views in it.
TEST_F(EventBufferTest, LanesThatShareABlockReleaseItTogether) {
  EventBuffer buffer(2, held_);
  for (uint64_t i = 0; i < 2; ++i)
    Add(buffer, i, static_cast<uint32_t>(i), kThird, static_cast<char>('a' + i));
  Add(buffer, 2, 0, kLarge);
  Add(buffer, 3, 0, kLarge);  // only the lane refers to the previous one
  const auto slow = TakeEvents(buffer, 1, 1);
  EXPECT_EQ(Take(buffer, 0), (Positions{0, 2, 3}));
  EXPECT_EQ(Take(buffer, 0), Positions{});
  EXPECT_EQ(held_, EventBlock::kBytes + kLarge)
      << "the block of the slow lane, and the one that is being filled";
  for (uint64_t i = 4; i < 40; ++i) {
    Add(buffer, i, 0, kThird, 'o');
    Take(buffer, 0);
  }
  EXPECT_TRUE(IsAll(slow[0].value, 'b')) << "its bytes were reused";
  EXPECT_EQ(Take(buffer, 1), Positions{});
  Take(buffer, 0);
  EXPECT_EQ(held_, EventBlock::kBytes);
}

TEST_F(EventBufferTest, ALaneThatIsNotTakenKeepsOnlyItsOwnBlocks) {
  EventBuffer buffer(2, held_);
  Add(buffer, 0, 1, kThird);
  for (uint64_t i = 1; i < 3'000; ++i) {
    Add(buffer, i, 0, kThird);
    EXPECT_EQ(Take(buffer, 0), Positions{i});
    ASSERT_LE(held_, 3 * EventBlock::kBytes);
  }
  EXPECT_EQ(Take(buffer, 1), Positions{0});
}

TEST_F(EventBufferTest, SteadyLoadNeedsAFewBlocks) {
  EventBuffer buffer(2, held_);
  uint64_t position = 0;
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < 6; ++i) Add(buffer, position++, std::nullopt, kThird);
    for (size_t lane = 0; lane < 2; ++lane) EXPECT_EQ(Take(buffer, lane).size(), 3U);
    ASSERT_LE(held_, 5 * EventBlock::kBytes);
  }
}

// After a burst some blocks are kept for reuse. They are not counted until they are used again.
TEST_F(EventBufferTest, OnlyBlocksInUseAreCounted) {
  EventBuffer buffer(1, held_);
  for (int burst = 0; burst < 3; ++burst) {
    for (uint64_t i = 0; i < 150; ++i) Add(buffer, i, 0, kThird);
    EXPECT_EQ(held_, 50 * EventBlock::kBytes);
    EXPECT_EQ(Take(buffer, 0).size(), 150U);
    Take(buffer, 0);
    EXPECT_EQ(held_, EventBlock::kBytes);
  }
  Add(buffer, 150, 0, kLarge);
  EXPECT_EQ(held_, kLarge);
  Take(buffer, 0);
  Take(buffer, 0);
  Add(buffer, 151, 0, kLarge);
  EXPECT_EQ(held_, kLarge) << "the previous one is freed";
}

TEST_F(EventBufferTest, TheDestructorFreesAllMemory) {
  {
    EventBuffer buffer(2, held_);
    for (uint64_t i = 0; i < 30; ++i) Add(buffer, i, std::nullopt, kThird);
    Take(buffer, 0, 7);
    Take(buffer, 0, 1);
    EXPECT_GT(held_, 0U);
  }
  EXPECT_EQ(held_, 0U);
}

// For any sizes and any order of adding and taking: each event is taken once, in its lane's order, with its
// bytes. These stay unchanged until the lane's next Take. The memory is bounded by the waiting events.
TEST_F(EventBufferTest, EachEventComesOnceWithItsBytes) {
  support::Random random(support::SeedOr(6));
  for (int round = 0; round < 40; ++round) {
    const size_t lanes = random.Between(1, 5);
    EventBuffer buffer(lanes, held_);
    std::vector<std::deque<std::pair<uint64_t, char>>> waiting(lanes);
    std::vector<std::vector<JournalEvent>> lent(lanes);
    std::vector<std::string> lent_fills(lanes);
    uint64_t position = random.Below(1'000);
    const auto take = [&](size_t lane, size_t at_most) {
      for (size_t i = 0; i < lent[lane].size(); ++i) {
        ASSERT_TRUE(IsAll(lent[lane][i].value, lent_fills[lane][i])) << "before the lane's next Take";
      }
      lent[lane] = TakeEvents(buffer, lane, at_most);
      lent_fills[lane].clear();
      ASSERT_EQ(lent[lane].size(), std::min(at_most, waiting[lane].size()));
      for (const JournalEvent& event : lent[lane]) {
        ASSERT_EQ(event.position, waiting[lane].front().first);
        lent_fills[lane].push_back(waiting[lane].front().second);
        ASSERT_TRUE(IsAll(event.value, lent_fills[lane].back()));
        waiting[lane].pop_front();
      }
    };
    for (int step = 0; step < 400 && !HasFailure(); ++step) {
      if (random.OneIn(2)) {
        position += random.Between(1, 3);
        const std::optional<uint32_t> key_hash =
            random.OneIn(3) ? std::nullopt : std::optional(static_cast<uint32_t>(random.Below(50)));
        const size_t lane = key_hash.value_or(position) % lanes;
        const char fill = static_cast<char>('a' + random.Below(26));
        const size_t bytes =
            random.OneIn(20) ? random.Between(1, 2 * EventBlock::kBytes) : random.Below(40'000);
        const uint64_t filled = Add(buffer, position, key_hash, bytes, fill);
        ASSERT_EQ(filled, waiting[lane].empty() ? uint64_t{1} << lane : 0U);
        waiting[lane].emplace_back(position, fill);
      } else {
        take(random.Below(lanes), random.Between(1, 8));
      }
    }
    for (size_t lane = 0; lane < lanes; ++lane) {
      take(lane, 1'000);
      take(lane, 1'000);
    }
    EXPECT_LE(held_, 2 * EventBlock::kBytes) << "the one that is being filled";
  }
  EXPECT_EQ(held_, 0U);
}

}  // namespace
}  // namespace ei
