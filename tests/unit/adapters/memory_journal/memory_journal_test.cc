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

// One event in ten stays, as when one partition of ten takes nothing: it must not keep the others' memory.
TEST(MemoryJournal, WhatIsCompactKeepsNoMemoryOfOthers) {
  MemoryJournal journal({.events_max = 100'000, .bytes_max = 2 << 20, .lanes = 1});
  journal.OnLaneFilled([](size_t) {});
  std::vector<app::JournalEvent> stay;
  for (uint64_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(Append(journal, "key", 1'000), AppendResult::kAppended) << i << ": 10 MB go through 2 MiB";
    std::vector<app::JournalEvent> taken(1);
    ASSERT_EQ(journal.Take(0, taken), 1U);
    if (i % 10 == 0 && stay.size() < 500) {
      ASSERT_EQ(journal.Compact(taken), 1U);
      stay.push_back(taken.front());
    } else {
      journal.Settle(std::vector{taken.front().position});
    }
  }
  EXPECT_EQ(journal.Stats().events, 500U);
  EXPECT_LE(journal.Stats().bytes, 500U * 1'003 + (512 << 10));
  EXPECT_EQ(journal.Stats().oldest, kNow);
  std::vector<uint64_t> positions;
  for (const app::JournalEvent& event : stay) {
    EXPECT_EQ(event.value, "a" + std::string(999, '.'));
    EXPECT_EQ(event.key, "key");
    positions.push_back(event.position);
  }
  journal.Settle(positions);
  EXPECT_EQ(journal.Stats().events, 0U);
  EXPECT_LE(journal.Stats().bytes, 512U << 10);
}

TEST(MemoryJournal, CompactStopsWhereMemoryIsShort) {
  MemoryJournal journal({.events_max = 100'000, .bytes_max = 1 << 20, .lanes = 1});
  journal.OnLaneFilled([](size_t) {});
  while (Append(journal, "key", 1'000) == AppendResult::kAppended) {
  }
  std::vector<app::JournalEvent> taken(2'000);
  taken.resize(journal.Take(0, taken));
  const size_t moved = journal.Compact(taken);
  EXPECT_GT(moved, 0U);
  EXPECT_LT(moved, taken.size()) << "each copy stands beside a block that others still need";
  EXPECT_LE(journal.Stats().bytes, (1U << 20) + (66 << 10));
  std::vector<uint64_t> positions;
  for (const app::JournalEvent& event : taken) positions.push_back(event.position);
  journal.Settle(positions);
  EXPECT_EQ(journal.Stats().events, 0U);
  EXPECT_EQ(Append(journal, "key", 1'000), AppendResult::kAppended);
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
