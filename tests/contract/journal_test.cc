#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/murmur2.h"
#include "contract/journal_contract.h"

namespace ei::contract {
namespace {

INSTANTIATE_TEST_SUITE_P(Adapters, JournalContract, ::testing::ValuesIn(JournalMakers()),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(JournalContract, BatchBeyondTheBytesLeftIsRefusedWhole) {
  Open({.bytes_max = 1 << 20, .lanes = 1});
  uint64_t fitted = 0;
  while (Append("a", "k", 50'000) == AppendResult::kAppended) ++fitted;
  EXPECT_GE(fitted, 5U);
  EventBatch batch;
  Add(batch, "small", "k");
  Add(batch, "large", "k", 400'000);
  EXPECT_EQ(journal_->Append(batch, now_), AppendResult::kFull);
  EXPECT_EQ(journal_->Stats().events, fitted);
  EXPECT_LE(journal_->Stats().bytes, 1U << 20);
  EXPECT_EQ(Take(0).size(), fitted) << "an event of the rejected batch was stored";
}

// For any batch and any limits: an empty journal accepts the batch or reports that it never can.
TEST_P(JournalContract, EmptyJournalIsNeverFull) {
  const uint64_t block = 256 << 10;
  for (const uint64_t bytes_max : {uint64_t{1} << 20, (uint64_t{1} << 20) + 1, (uint64_t{1} << 20) + 8,
                                   5 * block - 1, 5 * block + 1, 7 * block + 12'345, uint64_t{3'000'000}}) {
    for (const std::vector<size_t>& sizes : {std::vector<size_t>{1, block, 1, block, 1},
                                             {block, block},
                                             {1, block + 1, 1},
                                             {1, 500'000, 1},
                                             {block / 2 + 1, block / 2 + 1, block / 2 + 1},
                                             {bytes_max / 2},
                                             {bytes_max / 2 - 2, 1, 1},
                                             {1, bytes_max / 2 - 2, 1},
                                             {100'000, 200'000, 100'000, 1, 100'000},
                                             {bytes_max * 6 / 7},
                                             {bytes_max},
                                             {bytes_max - 1, 1},
                                             {1, bytes_max - 1},
                                             {300'000, bytes_max - 300'000}}) {
      Open({.bytes_max = bytes_max, .lanes = 3});
      for (int round = 0; round < 3; ++round) {
        EventBatch batch;
        for (const size_t size : sizes) Add(batch, "a", std::nullopt, size);
        const AppendResult result = journal_->Append(batch, now_).result;
        EXPECT_TRUE(result == AppendResult::kAppended || result == AppendResult::kTooLarge)
            << "bytes_max " << bytes_max << ", batch of " << batch.Bytes().size() << " bytes, round "
            << round;
        EXPECT_LE(journal_->Stats().bytes, bytes_max);
        Settle(TakeAllLanes());
        EXPECT_EQ(journal_->Stats().events, 0U);
        EXPECT_FALSE(journal_->Full(bytes_max));
        if (round == 1) {
          ASSERT_EQ(Append("small", "k"), AppendResult::kAppended);
          Settle(TakeAllLanes());
        }
      }
    }
  }
}

TEST_P(JournalContract, ClosedJournalTakesNothingAndGivesWhatItHas) {
  Open({});
  ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  journal_->Close();
  EXPECT_EQ(Append("b", "k"), AppendResult::kClosed);
  EXPECT_EQ(journal_->Stats().events, 1U);
  const auto events = TakeAllLanes();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].value, "a");
  Settle(events);
  EXPECT_EQ(journal_->Stats().events, 0U);
  EXPECT_EQ(Append("c", "k"), AppendResult::kClosed);
}

TEST_P(JournalContract, BatchRejectedForItsBytesMayBeRetriedOnceAnythingIsSettled) {
  Open({.bytes_max = 1 << 20, .lanes = 1});
  while (Append("a", "k", 50'000) == AppendResult::kAppended) {
  }
  EXPECT_TRUE(journal_->Full(50'000));
  Settle(Take(0));
  EXPECT_FALSE(journal_->Full(50'000));
  EXPECT_FALSE(journal_->Full(1 << 20));
}

TEST_P(JournalContract, TakenEventsCarryTheirBytesKeyAndTime) {
  Open({.lanes = 1});
  DecodedEvent event;
  event.json = R"({"id":"0"})";
  event.id = {Member::Kind::kString, event.json.substr(7, 1), event.json.substr(7, 1)};
  event.timestamp = event.id;
  event.key = "user-42";
  event.has_key = true;
  EventBatch batch;
  const Route orders{.topic = "orders", .key_source = KeySource::kPointer};
  event.route = &orders;
  batch.Add(event, {}, {}, {.context = {.client = {}, .traceparent = "00-trace-01"}});
  event.key = "";
  event.route = &support::kByPointer;
  batch.Add(event, {}, {}, {});
  event.route = &support::kWithoutKey;
  batch.Add(event, {}, {}, {});
  ASSERT_EQ(journal_->Append(batch, now_), AppendResult::kAppended);
  const auto events = Take(0);
  ASSERT_EQ(events.size(), 3U);
  for (const auto& taken : events) {
    EXPECT_EQ(taken.value, R"({"id":"0"})");
    EXPECT_EQ(taken.accepted_at, now_);
    EXPECT_EQ(taken.held_bytes, taken.bytes->size() + kEventOverheadBytes);
  }
  EXPECT_TRUE(events[0].has_key);
  EXPECT_EQ(events[0].key, "user-42");
  EXPECT_EQ(events[0].key_hash, base::Murmur2("user-42"));
  EXPECT_EQ(events[0].topic, "orders");
  EXPECT_EQ(events[0].context.traceparent, "00-trace-01");
  EXPECT_TRUE(events[1].has_key) << "an empty key is a key";
  EXPECT_EQ(events[1].key, "");
  EXPECT_EQ(events[1].topic, "");
  EXPECT_EQ(events[1].context.traceparent, "");
  EXPECT_FALSE(events[2].has_key);
}

TEST_P(JournalContract, LanesKeepTheOrderOfAcceptance) {
  Open({.lanes = 3});
  std::map<std::string, size_t> lane_of_key;
  for (int i = 0; i < 900; ++i)
    ASSERT_EQ(Append(std::to_string(i), std::to_string(i % 31)), AppendResult::kAppended);
  for (size_t lane = 0; lane < 3; ++lane) {
    int last = -1;
    uint64_t last_position = 0;
    for (const auto& event : Take(lane)) {
      const int number = std::stoi(std::string(event.value));
      EXPECT_GT(number, last);
      if (last >= 0) {
        EXPECT_GT(event.position, last_position);
      }
      last = number;
      last_position = event.position;
      const auto [known, inserted] = lane_of_key.emplace(std::string(event.key), lane);
      EXPECT_EQ(known->second, lane) << "events of one key are in different lanes";
    }
    EXPECT_GE(last, 0) << "a lane has no key";
  }
}

TEST_P(JournalContract, EventsWithoutAKeyAreSpread) {
  Open({.lanes = 4});
  for (int i = 0; i < 400; ++i) ASSERT_EQ(Append("a", std::nullopt), AppendResult::kAppended);
  for (size_t lane = 0; lane < 4; ++lane) EXPECT_GE(Take(lane).size(), 50U) << lane;
}

TEST_P(JournalContract, TakeGivesAtMostWhatIsAskedAndEachEventOnce) {
  Open({.lanes = 1});
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Append(std::to_string(i), "k"), AppendResult::kAppended);
  EXPECT_TRUE(Take(0, 0).empty());
  EXPECT_EQ(Take(0, 3).size(), 3U);
  const auto rest = Take(0, 100);
  ASSERT_EQ(rest.size(), 7U);
  EXPECT_EQ(rest[0].value, "3");
  EXPECT_TRUE(Take(0, 100).empty());
  EXPECT_EQ(journal_->Stats().events, 10U) << "taken is not settled";
}

// Independent of other lanes' takers, and also when the events are settled earlier.
TEST_P(JournalContract, ViewsAreValidUntilTheLanesNextTake) {
  Open({.events_max = 100'000, .bytes_max = 32 << 20, .lanes = 2});
  for (int round = 0; round < 5; ++round) {
    const std::string value = "value " + std::to_string(round);
    const std::string key(10'000, static_cast<char>('a' + round));
    EventBatch batch;
    for (int i = 0; i < 100; ++i) Add(batch, value, key);
    wakes_.assign(2, 0);
    ASSERT_EQ(journal_->Append(batch, now_), AppendResult::kAppended);
    const size_t lane = wakes_[0] == 1 ? 0 : 1;
    std::vector<JournalEvent> events(60);
    ASSERT_EQ(journal_->Take(lane, events), 60U);
    support::Settle(*journal_, events);
    for (int i = 0; i < 20; ++i) {
      EventBatch others;
      for (int k = 0; k < 100; ++k) Add(others, "other", std::nullopt, 1'000);
      ASSERT_EQ(journal_->Append(others, now_), AppendResult::kAppended);
      Settle(Take(1 - lane));
    }
    for (const JournalEvent& event : events) {
      ASSERT_EQ(event.value, value);
      ASSERT_EQ(event.key, key);
    }
    EXPECT_EQ(journal_->Stats().events, 40U + 1'000U);
    Settle(TakeAllLanes());
  }
  EXPECT_EQ(journal_->Stats().events, 0U);
}

TEST_P(JournalContract, SettlingOutOfOrderFreesRoomAndKeepsTheOthersIntact) {
  Open({.events_max = 5'000, .bytes_max = 8 << 20, .lanes = 1});
  for (int i = 0; i < 3'000; ++i) ASSERT_EQ(Append(std::to_string(i), "k", 1'000), AppendResult::kAppended);
  auto events = Take(0);
  ASSERT_EQ(events.size(), 3'000U);
  std::vector<TakenEvent> kept;
  std::vector<TakenEvent> settled;
  for (size_t i = 0; i < events.size(); ++i) (i % 500 == 7 ? kept : settled).push_back(events[i]);
  std::reverse(settled.begin(), settled.end());
  Settle(settled);
  EXPECT_EQ(journal_->Stats().events, kept.size());
  for (int i = 0; i < 2'000; ++i) ASSERT_EQ(Append("new", "k", 1'000), AppendResult::kAppended);
  for (size_t i = 0; i < kept.size(); ++i) {
    const std::string label = std::to_string(i * 500 + 7);
    EXPECT_EQ(kept[i].value.substr(0, label.size() + 1), label + ".");
  }
  Settle(kept);
  Settle(Take(0));
  EXPECT_EQ(journal_->Stats().events, 0U);
}

TEST_P(JournalContract, WakesExactlyWhenAnEmptyLaneGetsEvents) {
  Open({.lanes = 2});
  ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  const size_t lane = wakes_[0] == 1 ? 0 : 1;
  EXPECT_EQ(wakes_[0] + wakes_[1], 1);
  ASSERT_EQ(Append("b", "k"), AppendResult::kAppended);
  EXPECT_EQ(wakes_[0] + wakes_[1], 1) << "the lane was not empty";
  EXPECT_EQ(Take(lane, 1).size(), 1U);
  ASSERT_EQ(Append("c", "k"), AppendResult::kAppended);
  EXPECT_EQ(wakes_[0] + wakes_[1], 1) << "nor now";
  EXPECT_EQ(Take(lane).size(), 2U);
  EventBatch batch;
  Add(batch, "d", "k");
  Add(batch, "e", "k");
  ASSERT_EQ(journal_->Append(batch, now_), AppendResult::kAppended);
  EXPECT_EQ(wakes_[lane], 2) << "once for the whole batch, though nothing was settled";
  EXPECT_EQ(wakes_[1 - lane], 0);
}

TEST_P(JournalContract, RejectedBatchWakesNoTaker) {
  Open({.bytes_max = 1 << 20, .lanes = 2});
  EventBatch batch;
  for (const char* key : {"a", "b", "c"}) Add(batch, "x", key, 400'000);
  ASSERT_EQ(journal_->Append(batch, now_), AppendResult::kTooLarge);
  journal_->Close();
  ASSERT_EQ(Append("x", "k"), AppendResult::kClosed);
  EXPECT_EQ(wakes_[0] + wakes_[1], 0);
}

// A woken taker must be able to call the journal: the callback runs without a lock.
TEST_P(JournalContract, WakeMayCallTheJournal) {
  Open({.lanes = 1});
  size_t taken = 0;
  journal_->OnLaneFilled([&](size_t lane) {
    taken += Take(lane).size();
    EXPECT_EQ(journal_->Stats().events, 1U);
  });
  ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  EXPECT_EQ(taken, 1U);
}

TEST_P(JournalContract, OldestIsAtOrBeforeTheOldestUnsettledEvent) {
  Open({.events_max = 100'000, .bytes_max = 64 << 20, .lanes = 1});
  EXPECT_EQ(journal_->Stats().oldest, std::nullopt);
  const auto start = now_;
  for (int i = 0; i < 2'000; ++i) {
    now_ += std::chrono::milliseconds(1);
    ASSERT_EQ(Append("a", "k", 1'000), AppendResult::kAppended);
  }
  auto events = Take(0);
  ASSERT_TRUE(journal_->Stats().oldest.has_value());
  EXPECT_LE(*journal_->Stats().oldest, events[0].accepted_at);
  EXPECT_GT(*journal_->Stats().oldest, start);
  Settle({events.begin(), events.begin() + 1'500});
  EXPECT_LE(*journal_->Stats().oldest, events[1'500].accepted_at);
  EXPECT_GT(*journal_->Stats().oldest, events[1'500].accepted_at - kOldestError) << "it did not advance";
  Settle({events.begin() + 1'500, events.end()});
  EXPECT_EQ(journal_->Stats().oldest, std::nullopt);
  now_ += std::chrono::hours(1);
  ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  EXPECT_EQ(journal_->Stats().oldest, now_) << "an idle hour does not age the next event";
}

TEST_P(JournalContract, StatsNameTheBounds) {
  Open({.events_max = 123, .bytes_max = 2'345'678, .lanes = 1});
  EXPECT_EQ(journal_->Stats().events_max, GetParam().bounds_events ? 123U : 0U);
  EXPECT_EQ(journal_->Stats().bytes_max, 2'345'678U);
  ASSERT_EQ(Append("a", "k", 10'000), AppendResult::kAppended);
  EXPECT_GE(journal_->Stats().bytes, 10'000U);
}

TEST_P(JournalContract, AppendReturnsThePositionsItGave) {
  Open({.bytes_max = 1 << 20, .lanes = 3});
  uint64_t next = 0;
  for (int round = 0; round < 40; ++round) {
    EventBatch batch;
    for (int i = 0; i <= round % 7; ++i) Add(batch, std::to_string(next + i), std::nullopt);
    const Appended appended = journal_->Append(batch, now_);
    ASSERT_EQ(appended, AppendResult::kAppended);
    if (round == 0) next = appended.end - batch.Size();
    EXPECT_EQ(appended.end, next + batch.Size()) << "consecutive, from batch to batch";
    if (round % 10 == 3) {
      EventBatch refused;
      Add(refused, "x", "k", 1 << 20);
      ASSERT_EQ(journal_->Append(refused, now_), AppendResult::kTooLarge);
    }
    std::set<uint64_t> positions;
    const auto events = TakeAllLanes();
    for (const auto& event : events) positions.insert(event.position);
    EXPECT_EQ(positions.size(), batch.Size());
    EXPECT_EQ(*positions.begin(), next);
    EXPECT_EQ(*positions.rbegin(), appended.end - 1);
    next = appended.end;
    Settle(events);
  }
}

TEST_P(JournalContract, DurableEndNeverGoesBack) {
  Open({.bytes_max = 1 << 20, .lanes = 1});
  const bool survives = GetParam().survives;
  for (int round = 1; round <= 50; ++round) {
    EventBatch batch;
    for (int i = 0; i < 3; ++i) Add(batch, "a", "k", 1'000);
    const Appended appended = journal_->Append(batch, now_);
    ASSERT_EQ(appended, AppendResult::kAppended);
    EXPECT_EQ(journal_->DurableEnd(), survives ? appended.end : 0U);
    if (round % 3 == 0) Settle(Take(0));
  }
  EXPECT_FALSE(journal_->Failed());
}

// Events of several requests are settled together, in another order than they were appended. The oldest event
// is still reported correctly.
TEST_P(JournalContract, RunsOfManyRequestsAreSettledTogether) {
  Open({.events_max = 100'000, .bytes_max = 64 << 20, .lanes = 1});
  for (int request = 0; request < 100; ++request) {
    EventBatch batch;
    for (int i = 0; i < 7; ++i) Add(batch, "a", "k");
    ASSERT_EQ(journal_->Append(batch, now_), AppendResult::kAppended);
    now_ += std::chrono::seconds(1);
  }
  const auto events = Take(0);
  ASSERT_EQ(events.size(), 700U);
  std::vector<TakenEvent> backwards(events.rbegin(), events.rend());
  for (int part = 0; part < 6; ++part) {
    const auto end = backwards.begin() + 100;  // in the middle of a request
    Settle({backwards.begin(), end});
    backwards.erase(backwards.begin(), end);
    EXPECT_EQ(journal_->Stats().oldest, events[0].accepted_at);
  }
  const TakenEvent newest = backwards.front();
  backwards.erase(backwards.begin());
  Settle(backwards);
  EXPECT_EQ(journal_->Stats().events, 1U);
  EXPECT_EQ(journal_->Stats().oldest, newest.accepted_at);
}

TEST_P(JournalContract, SettlingNothingIsAllowed) {
  Open({});
  journal_->Settle({});
  EXPECT_EQ(journal_->Stats().events, 0U);
}

}  // namespace
}  // namespace ei::contract
