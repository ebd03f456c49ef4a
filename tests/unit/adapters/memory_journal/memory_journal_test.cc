// What the memory journal adds to the contract of journals (tests/contract).

#include "adapters/memory_journal/memory_journal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/murmur2.h"
#include "support/events.h"

namespace ei::memory_journal {
namespace {

using app::AppendResult;

const base::SteadyTime kNow(std::chrono::hours(1));

AppendResult Append(MemoryJournal& journal, std::optional<std::string_view> key, size_t size) {
  domain::EventBatch batch;
  support::AddRawEvent(batch, "a", key, size);
  return journal.Append(batch, kNow).result;
}

size_t SettleAll(MemoryJournal& journal, size_t lanes) {
  std::vector<app::JournalEvent> events(100'000);
  std::vector<uint64_t> positions;
  for (size_t lane = 0; lane < lanes; ++lane) {
    const size_t count = journal.Take(lane, events);
    for (size_t i = 0; i < count; ++i) positions.push_back(events[i].position);
  }
  journal.Settle(positions);
  return positions.size();
}

TEST(MemoryJournal, LaneIsTheKeysHash) {
  MemoryJournal journal({.lanes = 7});
  journal.OnLaneFilled([](size_t) {});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Append(journal, std::to_string(i), 10), AppendResult::kAppended);
  std::vector<app::JournalEvent> events(100);
  for (size_t lane = 0; lane < 7; ++lane) {
    const size_t count = journal.Take(lane, events);
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(base::Murmur2(events[i].key) % 7, lane);
  }
}

// Fill, drain and fill again with changing sizes: the same room must come back each time.
TEST(MemoryJournal, RoomDoesNotLeakAway) {
  MemoryJournal journal({.events_max = 100'000, .bytes_max = (3 << 20) + 12'345, .lanes = 2});
  journal.OnLaneFilled([](size_t) {});
  const size_t sizes[] = {100, 300'000, 4'000, 262'144, 262'145, 131'073, 1'000'000, 1};
  std::vector<size_t> first(std::size(sizes));
  for (int round = 0; round < 6; ++round) {
    for (size_t i = 0; i < std::size(sizes); ++i) {
      size_t fitted = 0;
      while (fitted < 50'000 && Append(journal, std::to_string(fitted), sizes[i]) == AppendResult::kAppended)
        ++fitted;
      ASSERT_GE(fitted, 1U) << sizes[i];
      ASSERT_LE(journal.Stats().bytes, journal.Stats().bytes_max);
      if (round == 0) first[i] = fitted;
      EXPECT_GE(fitted + 1, first[i]) << "size " << sizes[i] << " round " << round;
      ASSERT_EQ(SettleAll(journal, 2), fitted);
    }
  }
}

TEST(MemoryJournal, SteadyLoadKeepsItsMemory) {
  MemoryJournal journal({.events_max = 10'000, .bytes_max = 16 << 20, .lanes = 1});
  journal.OnLaneFilled([](size_t) {});
  uint64_t most = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 500; ++i) ASSERT_EQ(Append(journal, "k", 1'000), AppendResult::kAppended);
    most = std::max(most, journal.Stats().bytes);
    SettleAll(journal, 1);
  }
  EXPECT_LE(most, 2U << 20) << "half a megabyte in flight needs no more than a few blocks";
}

}  // namespace
}  // namespace ei::memory_journal
