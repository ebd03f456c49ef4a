// The behaviour of the memory journal beyond the contract of journals (tests/contract).

#include "journal/memory_journal.h"

#include <gtest/gtest.h>

#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/murmur2.h"
#include "clients/client_shares.h"
#include "support/events.h"
#include "support/taken_events.h"

namespace ei {
namespace {

using support::Settle;
using support::Take;
using support::TakenEvent;

const base::SteadyTime kNow(std::chrono::hours(1));

AppendResult Append(MemoryJournal& journal, std::optional<std::string_view> key, size_t size,
                    ClientNumber client = 0) {
  EventBatch batch;
  batch.Clear(client);
  support::AddRawEvent(batch, "a", key, size);
  return journal.Append(batch, kNow).result;
}

size_t SettleAll(MemoryJournal& journal, size_t lanes) {
  size_t settled = 0;
  for (size_t lane = 0; lane < lanes; ++lane) {
    const auto events = Take(journal, lane, 100'000);
    Settle(journal, events);
    settled += events.size();
  }
  return settled;
}

TEST(MemoryJournal, LaneIsTheKeysHash) {
  MemoryJournal journal({.lanes = 7});
  journal.OnLaneFilled([](size_t) {});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Append(journal, std::to_string(i), 10), AppendResult::kAppended);
  size_t taken = 0;
  for (size_t lane = 0; lane < 7; ++lane) {
    for (const TakenEvent& event : Take(journal, lane)) {
      EXPECT_EQ(base::Murmur2(event.key) % 7, lane);
      ++taken;
    }
  }
  EXPECT_EQ(taken, 100U);
}

TEST(MemoryJournal, CountsTheBytesOfWhatIsNotSettled) {
  MemoryJournal journal({.lanes = 1});
  journal.OnLaneFilled([](size_t) {});
  EventBatch batch;
  support::AddRawEvent(batch, "a", "key", 100);
  support::AddRawEvent(batch, "b", std::nullopt, 20'000);
  ASSERT_EQ(journal.Append(batch, kNow), AppendResult::kAppended);
  ASSERT_EQ(Append(journal, "", 300'000), AppendResult::kAppended);
  EXPECT_EQ(journal.Stats().bytes, 103 + 20'000 + 300'000 + 3 * kEventOverheadBytes);
  const auto events = Take(journal, 0);
  Take(journal, 0);
  EXPECT_EQ(journal.Stats().bytes, 103 + 20'000 + 300'000 + 3 * kEventOverheadBytes)
      << "the sink has them now";
  Settle(journal, std::vector{events[1]});
  EXPECT_EQ(journal.Stats().bytes, 103 + 300'000 + 2 * kEventOverheadBytes);
  Settle(journal, std::vector{events[2], events[0]});
  EXPECT_EQ(journal.Stats().bytes, 0U);
}

TEST(MemoryJournal, IsFullToTheByte) {
  constexpr uint64_t kEvent = 1'000 + 3 + kEventOverheadBytes;
  MemoryJournal journal({.events_max = 100'000, .bytes_max = 100 * kEvent - 1, .lanes = 1});
  journal.OnLaneFilled([](size_t) {});
  for (int i = 0; i < 99; ++i) ASSERT_EQ(Append(journal, "key", 1'000), AppendResult::kAppended);
  EXPECT_EQ(Append(journal, "key", 1'000), AppendResult::kFull);
  EXPECT_EQ(Append(journal, "key", 999), AppendResult::kAppended);
  EXPECT_EQ(journal.Stats().bytes, journal.Stats().bytes_max);
  EXPECT_EQ(Append(journal, std::nullopt, 1), AppendResult::kFull);
  EXPECT_EQ(SettleAll(journal, 1), 100U);
  const size_t most = 100 * kEvent - 1 - kEventOverheadBytes;
  EXPECT_EQ(Append(journal, std::nullopt, most + 1), AppendResult::kTooLarge);
  EXPECT_EQ(Append(journal, std::nullopt, most), AppendResult::kAppended);
}

TEST(MemoryJournal, CrowdedCountsBytesToo) {
  constexpr uint64_t kEvent = 10 + kEventOverheadBytes;
  MemoryJournal journal({.events_max = 100'000, .bytes_max = 40 * kEvent, .lanes = 1});
  journal.OnLaneFilled([](size_t) {});
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Append(journal, std::nullopt, 10), AppendResult::kAppended);
  EXPECT_FALSE(journal.AboveHighWatermark());
  ASSERT_EQ(Append(journal, std::nullopt, 10), AppendResult::kAppended);
  EXPECT_TRUE(journal.AboveHighWatermark());
  const auto events = Take(journal, 0);
  EXPECT_TRUE(journal.AboveHighWatermark());
  Settle(journal, std::vector{events.front()});
  EXPECT_FALSE(journal.AboveHighWatermark());
}

// One event in ten stays unsettled, as if one partition in ten accepted no events. It must not keep the
// memory of the others.
TEST(MemoryJournal, WhatStaysUnsettledHoldsItsOwnBytesAlone) {
  constexpr uint64_t kEvent = 1'000 + 3 + kEventOverheadBytes;
  MemoryJournal journal({.events_max = 100'000, .bytes_max = 501 * kEvent, .lanes = 1});
  journal.OnLaneFilled([](size_t) {});
  std::vector<TakenEvent> stay;
  for (uint64_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(Append(journal, "key", 1'000), AppendResult::kAppended) << i;
    const auto taken = Take(journal, 0, 1);
    ASSERT_EQ(taken.size(), 1U);
    if (i % 10 == 0 && stay.size() < 500) {
      stay.push_back(taken.front());
    } else {
      Settle(journal, taken);
    }
  }
  EXPECT_EQ(journal.Stats().bytes, 500 * kEvent);
  EXPECT_EQ(journal.Stats().oldest, kNow);
  Settle(journal, stay);
  EXPECT_EQ(journal.Stats().events, 0U);
  EXPECT_EQ(journal.Stats().bytes, 0U);
}

// The bytes of a run that is settled in parts are all released.
TEST(MemoryJournal, BytesOfARunThatIsSettledInPartsAreReleased) {
  MemoryJournal journal({.lanes = 1});
  journal.OnLaneFilled([](size_t) {});
  EventBatch batch;
  for (const size_t size : {1, 20, 3'000, 7}) support::AddRawEvent(batch, "a", "k", size);
  ASSERT_EQ(journal.Append(batch, kNow), AppendResult::kAppended);
  std::vector<EventRun> runs;
  std::vector<uint64_t> positions;
  for (const TakenEvent& event : Take(journal, 0)) {
    positions.push_back(event.position);
    AppendRun(runs, RunOf(event));
  }
  ASSERT_EQ(runs.size(), 1U);
  RunReader parts(runs);
  for (const uint64_t position : positions) {
    const EventRun part = parts.Next();
    journal.Settle({{&position, 1}, {&part, 1}});
  }
  EXPECT_EQ(journal.Stats().events, 0U);
  EXPECT_EQ(journal.Stats().bytes, 0U);
  EXPECT_EQ(journal.Stats().oldest, std::nullopt);
}

TEST(MemoryJournal, ClientsAreChargedWithWhatIsCounted) {
  ClientShares shares{{}};
  MemoryJournal journal({.lanes = 1, .shares = &shares});
  journal.OnLaneFilled([](size_t) {});
  const auto one = shares.Enter("one", kNow);
  const auto other = shares.Enter("other", kNow);
  const auto held = [&](const ClientShares::ClientHandle& client) {
    return std::pair(shares.Held(client.Client(), Shared::kJournalEvents),
                     shares.Held(client.Client(), Shared::kJournalBytes));
  };
  using Held = std::pair<uint64_t, uint64_t>;
  for (const auto* client : {&one, &other, &one}) {
    ASSERT_EQ(Append(journal, "key", 1'000, client->Client()), AppendResult::kAppended);
  }
  constexpr uint64_t kEvent = 1'000 + 3 + kEventOverheadBytes;
  EXPECT_EQ(held(one), (Held{2, 2 * kEvent}));
  EXPECT_EQ(held(other), (Held{1, kEvent}));
  const auto events = Take(journal, 0);
  EXPECT_EQ(held(one), (Held{2, 2 * kEvent}));
  Settle(journal, std::vector{events[1], events[2]});
  EXPECT_EQ(held(one), (Held{1, kEvent}));
  EXPECT_EQ(held(other), (Held{0, 0}));
  Settle(journal, std::vector{events[0]});
  EXPECT_EQ(held(one), (Held{0, 0}));
}

// Fill, drain and fill again with changing sizes: each time the same room must be available.
TEST(MemoryJournal, RoomDoesNotLeakAway) {
  MemoryJournal journal({.events_max = 100'000, .bytes_max = (3 << 20) + 12'345, .lanes = 2});
  journal.OnLaneFilled([](size_t) {});
  const size_t sizes[] = {100, 300'000, 4'000, 262'144, 262'145, 131'073, 1'000'000, 1};
  std::vector<size_t> first(std::size(sizes));
  for (int round = 0; round < 6; ++round) {
    for (size_t i = 0; i < std::size(sizes); ++i) {
      size_t fitted = 0;
      while (Append(journal, std::to_string(fitted), sizes[i]) == AppendResult::kAppended) ++fitted;
      ASSERT_GE(fitted, 1U) << sizes[i];
      ASSERT_LE(journal.Stats().bytes, journal.Stats().bytes_max);
      if (round == 0) first[i] = fitted;
      EXPECT_EQ(fitted, first[i]) << "size " << sizes[i] << " round " << round;
      ASSERT_EQ(SettleAll(journal, 2), fitted);
      ASSERT_EQ(journal.Stats().bytes, 0U);
    }
  }
}

}  // namespace
}  // namespace ei
