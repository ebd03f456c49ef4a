// Compares the journal with a small model, over random operations.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "contract/journal_contract.h"
#include "support/random.h"

namespace ei::contract {
namespace {

struct ModelEvent {
  std::string value;
  std::optional<std::string> key;
  base::SteadyTime accepted_at;
};

// The model doesn't know the lane of an event without a key until the event is taken.
enum class LaneState { kEmpty, kFilled, kUnknown };

class JournalModel : public JournalContract {
 protected:
  void Run(const JournalShape& shape, uint64_t seed, int steps, size_t size_max) {
    if (GetParam().survives) steps /= 8;  // each append waits for the real disk
    SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed << " events_max " << shape.events_max
                                    << " bytes_max " << shape.bytes_max << " lanes " << shape.lanes);
    support::Random random(seed);
    Open(shape);
    untaken_.clear();
    taken_.clear();
    lent_.assign(shape.lanes, {});
    bytes_ = 0;
    lane_of_key_.clear();
    lane_state_.assign(shape.lanes, LaneState::kEmpty);
    for (int step = 0; step < steps && !HasFailure(); ++step) {
      now_ += std::chrono::microseconds(random.Below(1'000));
      // Phases of filling and of draining, to reach both extremes.
      const uint64_t appends = (step / 500) % 2 == 0 ? 6 : 2;
      const uint64_t choice = random.Below(10);
      if (choice < appends) {
        AppendRandom(random, size_max);
      } else if (choice < 8) {
        TakeRandom(random);
      } else {
        SettleRandom(random);
      }
      CheckStats();
    }
    while (!HasFailure() && !(untaken_.empty() && taken_.empty())) {
      TakeRandom(random);
      SettleRandom(random);
    }
    CheckStats();
    EXPECT_FALSE(journal_->Full(shape.bytes_max));
    EXPECT_EQ(Append("last", "k", 1), AppendResult::kAppended);
  }

  uint64_t fulls_ = 0;

 private:
  void AppendRandom(support::Random& random, size_t size_max) {
    EventBatch batch;
    std::vector<ModelEvent> events;
    const uint64_t count = random.OneIn(20) ? random.Between(1, shape_.events_max + 1) : random.Between(1, 5);
    for (uint64_t i = 0; i < count; ++i) {
      ModelEvent event;
      const size_t size = random.OneIn(50) ? random.Below(size_max) : random.Below(300);
      event.value = std::to_string(next_label_++) + ":";
      if (event.value.size() < size) event.value.resize(size, static_cast<char>('a' + random.Below(26)));
      if (!random.OneIn(4)) event.key = std::to_string(random.Below(20));
      event.accepted_at = now_;
      Add(batch, event.value, event.key ? std::optional<std::string_view>(*event.key) : std::nullopt);
      events.push_back(std::move(event));
    }
    const bool claimed_full = journal_->Full(0);  // no space at all
    const uint64_t unsettled = untaken_.size() + taken_.size();
    const auto wakes_before = wakes_;
    switch (journal_->Append(batch, now_).result) {
      case AppendResult::kAppended:
        if (GetParam().bounds_events) {
          EXPECT_LE(unsettled + count, shape_.events_max);
        }
        EXPECT_FALSE(claimed_full);
        Accept(std::move(events), batch.Bytes().size(), wakes_before);
        return;
      case AppendResult::kFull:
        ++fulls_;
        EXPECT_GT(unsettled, 0U) << "full, but empty";
        if (GetParam().bounds_events) {
          EXPECT_LE(count, shape_.events_max);
        }
        break;
      case AppendResult::kTooLarge:
        EXPECT_TRUE((GetParam().bounds_events && count > shape_.events_max) ||
                    batch.Bytes().size() > shape_.bytes_max / 4);
        break;
      case AppendResult::kOverShare:
      case AppendResult::kClosed:
      case AppendResult::kFailed:
        ADD_FAILURE() << "the journal is not closed, and no other client uses it";
        break;
    }
    EXPECT_EQ(wakes_, wakes_before);
  }

  // Checks that positions are consecutive.
  void Accept(std::vector<ModelEvent> events, uint64_t bytes, const std::vector<int>& wakes_before) {
    bytes_ += bytes;
    for (ModelEvent& event : events) untaken_.push_back(std::move(event));
    for (size_t lane = 0; lane < shape_.lanes; ++lane) {
      const int woken = wakes_[lane] - wakes_before[lane];
      if (lane_state_[lane] == LaneState::kFilled) {
        EXPECT_EQ(woken, 0) << "lane " << lane << " was not empty";
      } else {
        EXPECT_LE(woken, 1) << "lane " << lane;
        // If an append to an empty lane wakes no taker, the next Take of that lane must find it empty.
        if (woken == 1) lane_state_[lane] = LaneState::kFilled;
      }
    }
  }

  void TakeRandom(support::Random& random) {
    const size_t lane = random.Below(shape_.lanes);
    const size_t wanted = random.Between(1, 40);
    CheckLent(lane);
    std::vector<JournalEvent> events(wanted);
    events.resize(journal_->Take(lane, events));
    if (lane_state_[lane] == LaneState::kEmpty) {
      EXPECT_TRUE(events.empty()) << "a lane was filled without a wake-up";
    }
    lane_state_[lane] = events.size() < wanted ? LaneState::kEmpty : LaneState::kUnknown;
    for (const auto& event : events) {
      // The event must be the oldest untaken one of its lane: all older untaken events belong to other lanes.
      const auto found = std::find_if(untaken_.begin(), untaken_.end(),
                                      [&](const ModelEvent& model) { return model.value == event.value; });
      ASSERT_NE(found, untaken_.end()) << "unknown or taken twice: " << event.value.substr(0, 20);
      EXPECT_EQ(event.has_key, found->key.has_value());
      if (found->key) {
        EXPECT_EQ(event.key, *found->key);
        const auto [known, inserted] = lane_of_key_.emplace(*found->key, lane);
        EXPECT_EQ(known->second, lane) << "events of one key are in different lanes";
        for (auto older = untaken_.begin(); older != found; ++older) {
          EXPECT_NE(older->key, found->key) << "overtaken";
        }
      }
      EXPECT_EQ(event.accepted_at, found->accepted_at);
      EXPECT_TRUE(taken_.emplace(event.position, TakenEvent(event)).second);
      lent_[lane].emplace_back(event, std::move(*found));
      untaken_.erase(found);
    }
  }

  // The events of the lane's last Take are unchanged, whatever was appended and settled since.
  void CheckLent(size_t lane) {
    for (const auto& [event, model] : lent_[lane]) {
      EXPECT_EQ(event.value, model.value) << "the bytes changed before the lane's next Take";
      EXPECT_EQ(event.key, model.key.value_or(""));
    }
    lent_[lane].clear();
  }

  void SettleRandom(support::Random& random) {
    std::vector<TakenEvent> settled;
    const uint64_t one_in = random.Between(1, 4);
    for (const auto& [position, event] : taken_) {
      if (random.Below(one_in) == 0) settled.push_back(event);
    }
    const bool in_order = random.OneIn(2);  // then the events of one request form one run
    for (size_t i = settled.size(); i > 1 && !in_order; --i) {
      std::swap(settled[i - 1], settled[random.Below(i)]);
    }
    for (const TakenEvent& event : settled) {
      bytes_ -= event.bytes->size();
      taken_.erase(event.position);
    }
    Settle(settled);
  }

  void CheckStats() {
    const auto stats = journal_->Stats();
    ASSERT_EQ(stats.events, untaken_.size() + taken_.size());
    if (GetParam().bounds_events) {
      ASSERT_LE(stats.events, shape_.events_max);
    }
    ASSERT_LE(stats.bytes, shape_.bytes_max);
    if (GetParam().survives) {
      ASSERT_GE(stats.bytes, bytes_) << "the size of its files is included";
    } else {
      ASSERT_EQ(stats.bytes, bytes_ + stats.events * kEventOverheadBytes);
    }
    ASSERT_EQ(stats.oldest.has_value(), stats.events > 0);
    if (!stats.oldest) return;
    base::SteadyTime oldest = now_;
    if (!untaken_.empty()) oldest = untaken_.front().accepted_at;
    if (!taken_.empty()) oldest = std::min(oldest, taken_.begin()->second.accepted_at);
    ASSERT_LE(*stats.oldest, oldest);
    ASSERT_GT(*stats.oldest, oldest - kOldestError);
  }

  std::deque<ModelEvent> untaken_;  // in order of acceptance
  std::map<uint64_t, TakenEvent> taken_;
  std::vector<std::vector<std::pair<JournalEvent, ModelEvent>>> lent_;  // by lane
  std::map<std::string, size_t> lane_of_key_;
  std::vector<LaneState> lane_state_;
  uint64_t bytes_ = 0;
  uint64_t next_label_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Adapters, JournalModel, ::testing::ValuesIn(JournalMakers()),
                         [](const auto& maker) { return maker.param.name; });

// For adapters that limit the number of events.
class EventsModel : public JournalModel {};

INSTANTIATE_TEST_SUITE_P(Adapters, EventsModel, ::testing::ValuesIn(MakersThatBoundEvents()),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(EventsModel, SmallEventsBoundByCount) {
  const uint64_t seed = support::SeedOr(21);
  for (uint64_t i = 0; i < 4; ++i) {
    Run({.events_max = 60 * (i + 1), .bytes_max = 8 << 20, .lanes = i + 1}, seed + i, 25'000, 2'000);
  }
  EXPECT_GT(fulls_, 100U);
}

TEST_P(JournalModel, LargeEventsBoundByBytes) {
  const uint64_t seed = support::SeedOr(22);
  for (uint64_t i = 0; i < 4; ++i) {
    Run({.events_max = 400, .bytes_max = (1 << 20) + i * 77'777, .lanes = 3}, seed + i, 25'000, 400'000);
  }
  EXPECT_GT(fulls_, 20U);
}

TEST_P(EventsModel, LeastBounds) {
  const uint64_t seed = support::SeedOr(23);
  for (uint64_t i = 0; i < 4; ++i) {
    Run({.events_max = 1 + i, .bytes_max = 1 << 20, .lanes = 2}, seed + i, 5'000, 600'000);
  }
}

}  // namespace
}  // namespace ei::contract
