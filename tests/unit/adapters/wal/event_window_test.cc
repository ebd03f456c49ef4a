#include "adapters/wal/event_window.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "support/random.h"

namespace ei::wal {
namespace {

using app::JournalEvent;
using base::SteadyTime;

SteadyTime At(int64_t seconds) { return SteadyTime(std::chrono::seconds(seconds)); }

class EventWindowTest : public testing::Test {
 protected:
  // One event of `bytes` in the block at hand; key_hash: of its key, nullopt: none.
  JournalEvent Event(uint64_t position, std::optional<uint32_t> key_hash, SteadyTime accepted_at,
                     size_t bytes = 10) {
    char* const room = TakeRoom(block_, bytes, held_);
    std::fill_n(room, bytes, 'x');
    JournalEvent event;
    event.position = position;
    event.value = {room, bytes};
    event.has_key = key_hash.has_value();
    event.key_hash = key_hash.value_or(0);
    event.accepted_at = accepted_at;
    return event;
  }

  uint64_t Add(EventWindow& window, const std::vector<JournalEvent>& events) {
    uint64_t filled = 0;
    window.Add(events, block_, filled);
    return filled;
  }

  static std::vector<uint64_t> Take(EventWindow& window, size_t lane, size_t at_most = 1'000) {
    std::vector<JournalEvent> events(at_most);
    events.resize(window.Take(lane, events));
    std::vector<uint64_t> positions;
    for (const JournalEvent& event : events) positions.push_back(event.position);
    return positions;
  }

  std::atomic<uint64_t> held_{0};
  std::shared_ptr<Block> block_;
};

using Positions = std::vector<uint64_t>;

TEST_F(EventWindowTest, KeysChooseTheLaneAndKeylessEventsAreSpread) {
  EventWindow window(3);
  const uint64_t filled = Add(window, {Event(0, 5, At(0)), Event(1, 6, At(0)), Event(2, 5, At(0)),
                                       Event(3, std::nullopt, At(0)), Event(4, std::nullopt, At(0))});
  EXPECT_EQ(filled, 0b111U);
  EXPECT_EQ(Take(window, 2), (Positions{0, 2}));
  EXPECT_EQ(Take(window, 0), (Positions{1, 3}));
  EXPECT_EQ(Take(window, 1), (Positions{4}));
  EXPECT_EQ(window.Events(), 5U) << "taken is not settled";
}

TEST_F(EventWindowTest, OnlyLanesThatWereEmptyAreFilled) {
  EventWindow window(2);
  EXPECT_EQ(Add(window, {Event(0, 0, At(0))}), 0b01U);
  EXPECT_EQ(Add(window, {Event(1, 0, At(0)), Event(2, 1, At(0))}), 0b10U);
  EXPECT_EQ(Take(window, 0, 1), Positions{0});
  EXPECT_EQ(Add(window, {Event(3, 0, At(0))}), 0U);
  EXPECT_EQ(Take(window, 0), (Positions{1, 3}));
  EXPECT_EQ(Add(window, {Event(4, 0, At(0))}), 0b01U);
  EXPECT_EQ(Add(window, {}), 0U);
}

TEST_F(EventWindowTest, LanesBeyondSixtyFourShareABit) {
  EventWindow window(70);
  EXPECT_EQ(Add(window, {Event(0, 65, At(0))}), uint64_t{1} << 1);
  EXPECT_EQ(Take(window, 65), Positions{0});
}

TEST_F(EventWindowTest, MemoryGoesWithTheLastEventOfItsBlock) {
  EventWindow window(1);
  const size_t large = 300 << 10;  // each in a block of its own
  for (uint64_t position = 0; position < 3; ++position) Add(window, {Event(position, 0, At(0), large)});
  block_.reset();
  EXPECT_EQ(held_, 3 * large);
  Take(window, 0);
  window.Settle(Positions{1});
  EXPECT_EQ(held_, 2 * large) << "also from the middle";
  window.Settle(Positions{2, 0});
  EXPECT_EQ(held_, 0U);
  EXPECT_EQ(window.Events(), 0U);
}

TEST_F(EventWindowTest, OldestMovesOnAsBlocksAreSettled) {
  EventWindow window(1);
  EXPECT_EQ(window.Oldest(), std::nullopt);
  for (int i = 0; i < 3; ++i) Add(window, {Event(static_cast<uint64_t>(i), 0, At(i), 300 << 10)});
  EXPECT_EQ(window.Oldest(), At(0));
  Take(window, 0);
  window.Settle(Positions{0});
  EXPECT_EQ(window.Oldest(), At(1));
  window.Settle(Positions{2});
  EXPECT_EQ(window.Oldest(), At(1));
  window.Settle(Positions{1});
  EXPECT_EQ(window.Oldest(), std::nullopt);
}

TEST_F(EventWindowTest, EventOfFindsItsPartsBetweenOthers) {
  const std::string bytes = "{\"id\":\"7\"}keytopictrace";
  const IndexEntry entry{.size = 23,
                         .value_size = 10,
                         .key_offset = 10,
                         .key_size = 3,
                         .trace_size = 5,
                         .topic_size = 5,
                         .key_hash = 99};
  const JournalEvent event = EventOf(4, bytes.data(), entry, At(1));
  EXPECT_EQ(event.position, 4U);
  EXPECT_EQ(event.value, "{\"id\":\"7\"}");
  EXPECT_TRUE(event.has_key);
  EXPECT_EQ(event.key, "key");
  EXPECT_EQ(event.key_hash, 99U);
  EXPECT_EQ(event.topic, "topic");
  EXPECT_EQ(event.traceparent, "trace");
  IndexEntry bare = entry;
  bare.key_offset = IndexEntry::kNoKey;
  bare.trace_size = 0;
  EXPECT_FALSE(EventOf(4, bytes.data(), bare, At(1)).has_key);
  EXPECT_EQ(EventOf(4, bytes.data(), bare, At(1)).traceparent, "");
}

// Positions with gaps (settled in an earlier life, or lost), blocks of any size, settled in any order.
TEST_F(EventWindowTest, EachEventComesOnceInItsLanesOrderAndMemoryComesBack) {
  support::Random random(support::SeedOr(6));
  for (int round = 0; round < 60; ++round) {
    const size_t lanes = random.Between(1, 5);
    EventWindow window(lanes);
    uint64_t position = random.Below(1'000);
    std::vector<uint64_t> taken;
    std::map<size_t, uint64_t> last_of_lane;
    uint64_t added = 0;
    uint64_t came = 0;
    for (int step = 0; step < 400; ++step) {
      const uint64_t choice = random.Below(3);
      if (choice == 0) {
        std::vector<JournalEvent> events;
        if (random.OneIn(10)) block_.reset();
        for (uint64_t i = random.Between(1, 6); i > 0; --i) {
          // All in one block, as the events of a request are.
          const auto before = block_;
          events.push_back(Event(position, static_cast<uint32_t>(random.Below(50)), At(step), 1'000));
          if (before != nullptr && before != block_) {
            events.erase(events.begin(), events.end() - 1);
          }
          position += random.Between(1, 3);
        }
        added += events.size();
        Add(window, events);
      } else if (choice == 1) {
        const size_t lane = random.Below(lanes);
        for (const uint64_t p : Take(window, lane, random.Between(1, 8))) {
          EXPECT_TRUE(!last_of_lane.contains(lane) || last_of_lane[lane] < p);
          last_of_lane[lane] = p;
          taken.push_back(p);
          ++came;
        }
      } else {
        for (size_t i = taken.size(); i > 1; --i) std::swap(taken[i - 1], taken[random.Below(i)]);
        const size_t count = random.Below(taken.size() + 1);
        window.Settle(std::span(taken).last(count));
        taken.resize(taken.size() - count);
      }
      ASSERT_EQ(window.Events(), added - came + taken.size());
    }
    for (size_t lane = 0; lane < lanes; ++lane) {
      const auto rest = Take(window, lane);
      came += rest.size();
      taken.insert(taken.end(), rest.begin(), rest.end());
    }
    EXPECT_EQ(came, added);
    window.Settle(taken);
    block_.reset();
    ASSERT_EQ(held_, 0U);
    ASSERT_EQ(window.Events(), 0U);
    ASSERT_EQ(window.Oldest(), std::nullopt);
  }
}

}  // namespace
}  // namespace ei::wal
