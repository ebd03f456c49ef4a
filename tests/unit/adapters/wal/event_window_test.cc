#include "adapters/wal/event_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/murmur2.h"
#include "journal/event_runs.h"
#include "support/random.h"

namespace ei::wal {
namespace {

using base::SteadyTime;
using Events = std::vector<JournalEvent>;

SteadyTime At(int64_t seconds) { return SteadyTime(std::chrono::seconds(seconds)); }

class EventWindowTest : public testing::Test {
 protected:
  // One event with the key of lane 0, in the current block.
  JournalEvent Event(uint64_t position, SteadyTime accepted_at, size_t bytes = 10) {
    char* const room = window_.Room(bytes);
    std::fill_n(room, bytes, 'x');
    JournalEvent event;
    event.position = position;
    event.value = {room, bytes};
    event.has_key = true;
    event.held_bytes = static_cast<uint32_t>(bytes + kEventOverheadBytes);
    event.accepted_at = accepted_at;
    return event;
  }

  uint64_t Add(const Events& events) {
    uint64_t filled = 0;
    window_.Add(events, window_.Filling(), filled);
    return filled;
  }

  Events Take(size_t at_most = 1'000) {
    Events events(at_most);
    events.resize(window_.Take(0, events));
    return events;
  }

  void Settle(const Events& events) {
    std::vector<uint64_t> positions;
    std::vector<EventRun> runs;
    for (const JournalEvent& event : events) {
      positions.push_back(event.position);
      ei::AppendRun(runs, RunOf(event));
    }
    window_.Settle({positions, runs});
  }

  std::atomic<uint64_t> blocks_{0};
  EventWindow window_{1, blocks_};
};

TEST_F(EventWindowTest, CountsEventsUntilTheyAreSettled) {
  EXPECT_EQ(Add({Event(0, At(0)), Event(1, At(0))}), 1U);
  EXPECT_EQ(Add({Event(2, At(0))}), 0U) << "the lane was not empty";
  EXPECT_EQ(Add({}), 0U);
  const Events events = Take();
  EXPECT_EQ(window_.Events(), 3U) << "taken is not settled";
  Settle({events[1]});
  EXPECT_EQ(window_.Events(), 2U);
  Settle({events[2], events[0]});
  EXPECT_EQ(window_.Events(), 0U);
}

// Waiting events are counted by blocks, taken events by their size.
TEST_F(EventWindowTest, CountsBlocksAndTakenEvents) {
  constexpr uint64_t kBlock = EventBlock::kBytes;
  for (uint64_t position = 0; position < 4; ++position) Add({Event(position, At(0), kBlock)});
  EXPECT_EQ(window_.Bytes(), 4 * kBlock);
  const Events first = Take(3);
  EXPECT_EQ(window_.Bytes(), 4 * kBlock + 3 * (kBlock + kEventOverheadBytes));
  const Events last = Take();
  EXPECT_EQ(window_.Bytes(), kBlock + 4 * (kBlock + kEventOverheadBytes)) << "three blocks are free";
  Settle({first[0], first[2]});
  EXPECT_EQ(window_.Bytes(), kBlock + 2 * (kBlock + kEventOverheadBytes));
  Settle({last[0], first[1]});
  EXPECT_EQ(window_.Bytes(), kBlock) << "the one that is being filled";
  EXPECT_EQ(blocks_, kBlock);
}

TEST_F(EventWindowTest, OldestIsTheOldestUnsettled) {
  EXPECT_EQ(window_.Oldest(), std::nullopt);
  Add({Event(0, At(0)), Event(1, At(1)), Event(2, At(2))});
  EXPECT_EQ(window_.Oldest(), At(0));
  const Events events = Take();
  Settle({events[0]});
  EXPECT_EQ(window_.Oldest(), At(1));
  Settle({events[2]});
  EXPECT_EQ(window_.Oldest(), At(1));
  Settle({events[1]});
  EXPECT_EQ(window_.Oldest(), std::nullopt);
}

// A frame that was read back has the wall clock's time, which may have gone back.
TEST_F(EventWindowTest, TimesGoOnAndSettlingKnowsThemAgain) {
  Add({Event(0, At(10))});
  Add({Event(1, At(5)), Event(2, At(20))});
  const Events events = Take();
  EXPECT_EQ(events[0].accepted_at, At(10));
  EXPECT_EQ(events[1].accepted_at, At(10));
  EXPECT_EQ(events[2].accepted_at, At(20));
  Settle({events[0]});
  EXPECT_EQ(window_.Oldest(), At(10));
  Settle({events[1]});
  EXPECT_EQ(window_.Oldest(), At(20));
}

TEST_F(EventWindowTest, EventOfFindsItsPartsBetweenOthers) {
  const std::string bytes = "{\"id\":\"7\"}keytopictrace";
  const IndexEntry entry{.size = 23,
                         .value_size = 10,
                         .key_offset = 10,
                         .key_size = 3,
                         .context_size = 5,
                         .topic_size = 5,
                         .key_hash = 99};
  const JournalEvent event = EventOf(4, bytes.data(), entry, At(1));
  EXPECT_EQ(event.position, 4U);
  EXPECT_EQ(event.value, "{\"id\":\"7\"}");
  EXPECT_TRUE(event.has_key);
  EXPECT_EQ(event.key, "key");
  EXPECT_EQ(event.key_hash, 99U);
  EXPECT_EQ(event.topic, "topic");
  EXPECT_EQ(event.context.traceparent, "trace");
  EXPECT_EQ(event.accepted_at, At(1));
  EXPECT_EQ(event.held_bytes, 23 + kEventOverheadBytes);
  IndexEntry bare = entry;
  bare.key_offset = IndexEntry::kNoKey;
  bare.context_size = 0;
  EXPECT_FALSE(EventOf(4, bytes.data(), bare, At(1)).has_key);
  EXPECT_EQ(EventOf(4, bytes.data(), bare, At(1)).context.traceparent, "");
}

TEST_F(EventWindowTest, AContextFromTheDiskIsChecked) {
  const auto context_of = [](const std::string& context) {
    const std::string bytes = "{}" + context;
    const IndexEntry entry{.size = static_cast<uint32_t>(bytes.size()),
                           .value_size = 2,
                           .key_offset = IndexEntry::kNoKey,
                           .context_size = static_cast<uint8_t>(context.size())};
    const EventContext found = EventFromDisk(4, bytes.data(), entry, At(1), "frames").context;
    return std::string(found.client) + "|" + std::string(found.traceparent);
  };
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  using namespace std::string_literals;
  EXPECT_EQ(context_of(trace), "|" + trace);
  EXPECT_EQ(context_of("orders\0"s + trace), "orders|" + trace);
  EXPECT_EQ(context_of("orders\0"s), "orders|");
  EXPECT_EQ(context_of("or ders\0"s + trace), "|" + trace);
  EXPECT_EQ(context_of(std::string(65, 'a') + "\0"s + trace), "|" + trace);
  EXPECT_EQ(context_of("a\0b\0"s + trace), "a|");
  EXPECT_EQ(context_of(""), "|");
}

TEST_F(EventWindowTest, FieldsFromTheDiskAreChecked) {
  const std::string bytes = "{\"id\":\"7\"}keytrace";
  IndexEntry entry{
      .size = 18, .value_size = 10, .key_offset = 10, .key_size = 3, .context_size = 5, .key_hash = 99};
  JournalEvent event = EventFromDisk(4, bytes.data(), entry, At(1), "frames");
  EXPECT_EQ(event.key_hash, base::Murmur2("key"));
  EXPECT_EQ(event.topic, "frames");
  EXPECT_EQ(event.context.traceparent, "") << "it is invalid";
  EXPECT_EQ(event.held_bytes, 18 + kEventOverheadBytes);
  entry.key_offset = IndexEntry::kNoKey;
  event = EventFromDisk(4, bytes.data(), entry, At(1), {});
  EXPECT_EQ(event.key_hash, 0U);
  EXPECT_EQ(event.topic, "");
}

// In whatever order events are settled, all counters return to 0.
TEST_F(EventWindowTest, SettledEventsLeaveNothingBehind) {
  support::Random random(support::SeedOr(6));
  uint64_t position = 0;
  uint64_t taken_bytes = 0;
  Events taken;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t choice = random.Below(3);
    if (choice == 0) {
      Add({Event(position, At(step / 100), random.Between(1, 3'000))});
      position += random.Between(1, 3);
    } else if (choice == 1) {
      for (const JournalEvent& event : Take(random.Between(1, 8))) {
        taken.push_back(event);
        taken_bytes += event.held_bytes;
      }
    } else {
      for (size_t i = taken.size(); i > 1; --i) std::swap(taken[i - 1], taken[random.Below(i)]);
      const auto kept = taken.begin() + static_cast<std::ptrdiff_t>(random.Below(taken.size() + 1));
      const Events settled(kept, taken.end());
      taken.erase(kept, taken.end());
      Settle(settled);
      for (const JournalEvent& event : settled) taken_bytes -= event.held_bytes;
    }
    ASSERT_EQ(window_.Bytes(), blocks_ + taken_bytes);
  }
  for (Events rest = Take(); !rest.empty(); rest = Take()) Settle(rest);
  Settle(taken);
  EXPECT_EQ(window_.Events(), 0U);
  EXPECT_EQ(window_.Bytes(), EventBlock::kBytes);
  EXPECT_EQ(window_.Oldest(), std::nullopt);
}

}  // namespace
}  // namespace ei::wal
