#include "journal/remembered_ids.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "support/random.h"

namespace ei {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint64_t kSame = 1;  // bytes

// Ids of small numbers share a few chains.
base::Hash128 Id(uint64_t number) { return {number < 1'000 ? number % 7 : number, number}; }

base::SteadyTime At(base::Duration since) { return base::SteadyTime(hours(1) + since); }

class RememberedIdsTest : public ::testing::Test {
 protected:
  void Open(uint64_t events_max, base::Duration time = minutes(10), uint64_t request_events_max = 100) {
    ids_.emplace(RememberedIds::Options{events_max, time, request_events_max});
    ids_->Begin(At({}));
  }
  // A request of one event.
  void Remember(uint64_t number, uint64_t position, base::Duration since = {}) {
    ids_->Begin(At(since));
    ASSERT_FALSE(ids_->FindOrNote(Id(number), kSame, 0).known);
    ids_->Confirm(position);
  }
  // Does not remember the id that it looks for.
  std::optional<RememberedIds::Known> Find(uint64_t number, base::Duration since = {}) {
    ids_->Begin(At(since));
    auto known = ids_->FindOrNote(Id(number), kSame, 0).known;
    ids_->Begin(At(since));
    return known;
  }
  bool Knows(uint64_t number, base::Duration since = {}) { return Find(number, since).has_value(); }

  std::optional<RememberedIds> ids_;
};

TEST_F(RememberedIdsTest, ARejectedRequestLeavesNoIdsAndRemovesNone) {
  Open(3);
  for (uint64_t i = 0; i < 3; ++i) Remember(i, i);
  ids_->Begin(At({}));
  for (uint64_t i = 10; i < 110; ++i) ASSERT_FALSE(ids_->FindOrNote(Id(i), kSame, i - 10).known);
  EXPECT_EQ(ids_->Size(), 3U);
  for (uint64_t i = 10; i < 110; ++i) EXPECT_FALSE(Knows(i));
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(Find(i)->position, i);
}

TEST_F(RememberedIdsTest, ARequestFindsItsOwnEventsMarkedAsNoted) {
  Open(10);
  Remember(1, 5);
  ids_->FindOrNote(Id(2), kSame, 0);
  ids_->FindOrNote(Id(3), kSame, 1);
  const auto own = ids_->FindOrNote(Id(3), kSame, 2).known;
  ASSERT_TRUE(own);
  EXPECT_TRUE(own->noted);
  EXPECT_EQ(own->position, 1U);
  EXPECT_FALSE(ids_->FindOrNote(Id(1), kSame, 2).known->noted);
  ids_->Confirm(6);
  EXPECT_EQ(Find(2)->position, 6U);
  EXPECT_EQ(Find(3)->position, 7U);
  EXPECT_FALSE(Find(3)->noted);
}

TEST_F(RememberedIdsTest, TheOldestGoWhenThereAreMore) {
  Open(100);
  for (uint64_t i = 0; i < 1'000; ++i) {
    Remember(i, i);
    ASSERT_EQ(ids_->Size(), std::min<uint64_t>(i + 1, 100));
    ASSERT_FALSE(i >= 100 && Knows(i - 100));
    ASSERT_TRUE(i < 99 || Knows(i - 99));
  }
}

TEST_F(RememberedIdsTest, ARequestOfMoreThanIsRememberedKeepsItsLast) {
  Open(10, minutes(10), 50);
  ids_->Begin(At({}));
  for (uint64_t i = 0; i < 50; ++i) ids_->FindOrNote(Id(i), kSame, i);
  ids_->Confirm(0);
  EXPECT_EQ(ids_->Size(), 10U);
  EXPECT_FALSE(Knows(39));
  EXPECT_EQ(Find(40)->position, 40U);
}

TEST_F(RememberedIdsTest, AnIdIsForgottenWithinASecondAfterItsTime) {
  Open(10, minutes(10));
  Remember(1, 0, milliseconds(900));
  Remember(2, 1, minutes(5));
  EXPECT_TRUE(Knows(1, minutes(10) + milliseconds(900)));
  EXPECT_FALSE(Knows(1, minutes(10) + milliseconds(1'900)));
  EXPECT_TRUE(Knows(2, minutes(15)));
  EXPECT_FALSE(Knows(2, minutes(15) + seconds(1)));
  EXPECT_EQ(ids_->Size(), 0U);
}

TEST_F(RememberedIdsTest, NothingIsKnownAfterAnyLengthOfSilence) {
  Open(1'000, hours(24 * 7));
  base::Duration since{};
  for (int days = 8; days < 3'000; days += days / 5) {
    Remember(1, static_cast<uint64_t>(days), since);
    since += hours(24) * days;
    EXPECT_FALSE(Knows(1, since)) << days;
  }
}

TEST_F(RememberedIdsTest, NoRequestPaysForAllThatGrewOldMeanwhile) {
  constexpr uint64_t kFirst = 1'000;
  constexpr uint64_t kEnd = 101'000;
  Open(kEnd - kFirst, minutes(10));
  for (uint64_t i = kFirst; i < kEnd; ++i) Remember(i, i);
  EXPECT_FALSE(Knows(kEnd - 1, minutes(11))) << "in the table still, and too old";
  EXPECT_GT(ids_->Size(), 90'000U);
  for (uint64_t i = kFirst; i < kEnd; i += 10) Remember(i, kEnd + i, minutes(11));
  for (uint64_t i = kFirst; i < kEnd; ++i) {
    const auto known = Find(i, minutes(11));
    ASSERT_EQ(known.has_value(), i % 10 == 0);
    ASSERT_TRUE(!known || known->position == kEnd + i);
  }
  EXPECT_EQ(ids_->Size(), 10'000U);
}

TEST_F(RememberedIdsTest, TimeThatGoesBackIsTreatedAsUnchanged) {
  Open(10, minutes(10));
  Remember(1, 0, minutes(5));
  Remember(2, 1, minutes(1));
  EXPECT_TRUE(Knows(2, minutes(15)));
  EXPECT_FALSE(Knows(2, minutes(15) + seconds(1)));
}

// After a restart of the machine, its steady clock begins later than events in the log were accepted.
TEST_F(RememberedIdsTest, EventsAcceptedBeforeTheMachinesStartExpireAsUsual) {
  const auto at = [](base::Duration uptime) { return base::SteadyTime(uptime); };
  ids_.emplace(RememberedIds::Options{10, minutes(10), 10});
  ids_->Begin(at(-seconds(60)));
  ASSERT_FALSE(ids_->FindOrNote(Id(1), kSame, 0).known);
  ids_->Confirm(0);
  ids_->Begin(at(seconds(40)));
  ASSERT_FALSE(ids_->FindOrNote(Id(2), kSame, 0).known);
  ids_->Confirm(1);
  const auto knows = [&](uint64_t number, base::Duration uptime) {
    ids_->Begin(at(uptime));
    const bool known = ids_->FindOrNote(Id(number), kSame, 0).known.has_value();
    ids_->Begin(at(uptime));
    return known;
  };
  EXPECT_TRUE(knows(1, seconds(60)));
  EXPECT_TRUE(knows(1, minutes(9)));
  EXPECT_FALSE(knows(1, minutes(9) + seconds(1)));
  EXPECT_TRUE(knows(2, minutes(10) + seconds(40)));
  EXPECT_FALSE(knows(2, minutes(10) + seconds(41)));
}

TEST_F(RememberedIdsTest, NoTimeIsTooFarAwayToCount) {
  ids_.emplace(RememberedIds::Options{10, minutes(10), 10});
  for (const auto time : {base::SteadyTime::min(), At({}), base::SteadyTime::max()}) {
    ids_->Begin(time);
    EXPECT_FALSE(ids_->FindOrNote(Id(1), kSame, 0).known) << "the others have expired";
    ids_->Confirm(0);
  }
}

TEST_F(RememberedIdsTest, OtherBytesUnderAnIdAreRememberedSeparately) {
  Open(10);
  const auto find = [&](uint64_t bytes) {
    ids_->Begin(At({}));
    return ids_->FindOrNote(Id(1), bytes, 0);
  };
  EXPECT_FALSE(find(1).conflict);
  ids_->Confirm(5);
  auto finding = find(2);
  EXPECT_FALSE(finding.known);
  EXPECT_TRUE(finding.conflict);
  ids_->Confirm(6);
  EXPECT_EQ(find(1).known->position, 5U);
  EXPECT_EQ(find(2).known->position, 6U);
  EXPECT_FALSE(find(1).conflict) << "a repeat";
  ids_->Forget(6);
  EXPECT_EQ(find(1).known->position, 5U);
  finding = find(2);
  EXPECT_FALSE(finding.known);
  EXPECT_TRUE(finding.conflict) << "with the first one";
}

TEST_F(RememberedIdsTest, WhereTheBytesAreNotKnownTheIdDecides) {
  Open(10);
  ids_->FindOrNote(Id(1), RememberedIds::kAnyBytes, 0);
  ids_->Confirm(5);
  EXPECT_EQ(Find(1)->position, 5U);
  Remember(2, 6);
  ids_->Begin(At({}));
  EXPECT_EQ(ids_->FindOrNote(Id(2), RememberedIds::kAnyBytes, 0).known->position, 6U);
}

// Otherwise each event with an id that many clients use would be compared with all earlier ones.
TEST_F(RememberedIdsTest, OfOneIdTheNewestBytesAreRemembered) {
  constexpr uint64_t kMost = RememberedIds::kBytesOfOneIdMax;
  Open(100);
  const auto find = [&](uint64_t bytes) {
    ids_->Begin(At({}));
    return ids_->FindOrNote(Id(1), bytes, 0);
  };
  for (uint64_t bytes = 1; bytes <= 30; ++bytes) {
    EXPECT_FALSE(find(bytes).known);
    ids_->Confirm(bytes);
  }
  for (uint64_t bytes = 30; bytes > 30 - kMost; --bytes) EXPECT_EQ(find(bytes).known->position, bytes);
  EXPECT_FALSE(find(30 - kMost).known);

  // In one request, which is rejected.
  ids_->Begin(At({}));
  for (uint64_t bytes = 100; bytes < 130; ++bytes)
    EXPECT_FALSE(ids_->FindOrNote(Id(2), bytes, bytes - 100).known);
  EXPECT_FALSE(Knows(2));
  EXPECT_EQ(ids_->Size(), 30U);
}

TEST_F(RememberedIdsTest, PositionsWithGapsAreFound) {
  Open(1'000);
  support::Random random(7);
  std::vector<uint64_t> positions;
  for (uint64_t i = 0, position = 0; i < 1'000; ++i) {
    position += random.OneIn(3) ? random.Between(1, 50) : 1;
    positions.push_back(position);
    Remember(i, position);
  }
  for (uint64_t position = 0; position <= positions.back() + 10; ++position) ids_->MarkDelivered(position);
  for (uint64_t i = 0; i < 1'000; ++i) {
    const auto known = Find(i);
    ASSERT_EQ(known->position, positions[i]);
    ASSERT_TRUE(known->delivered);
  }
}

TEST_F(RememberedIdsTest, AForgottenIdMayBeUsedAgain) {
  Open(3);
  Remember(1, 0);
  Remember(8, 1);
  ids_->Forget(0);
  ids_->Forget(0);
  ids_->Forget(99);
  EXPECT_FALSE(Knows(1));
  EXPECT_TRUE(Knows(8)) << "in the same chain";
  Remember(1, 2);
  EXPECT_EQ(Find(1)->position, 2U);
  for (uint64_t i = 20; i < 30; ++i) Remember(i, i);
  EXPECT_FALSE(Knows(1));
}

TEST_F(RememberedIdsTest, NotedPositionsAreNotMarked) {
  Open(10);
  Remember(1, 0);
  ids_->FindOrNote(Id(2), kSame, 0);
  ids_->MarkDelivered(0);
  ids_->Confirm(1);
  EXPECT_TRUE(Find(1)->delivered);
  EXPECT_FALSE(Find(2)->delivered);
}

// --- comparison with a model

class Model {
 public:
  struct Event {
    uint64_t number;
    uint64_t position;
    base::SteadyTime at;
    bool delivered = false;
    bool forgotten = false;
  };

  Model(uint64_t events_max, seconds time) : events_max_(events_max), time_(time) {}

  void Begin(base::SteadyTime now) {
    const auto too_old = [&](const Event& event) {
      return std::chrono::floor<seconds>(now) - std::chrono::floor<seconds>(event.at) > time_;
    };
    while (!events.empty() && too_old(events.front())) events.pop_front();
  }
  Event* Find(uint64_t number) {
    for (Event& event : events) {
      if (event.number == number && !event.forgotten) return &event;
    }
    return nullptr;
  }
  void Add(const Event& event) {
    events.push_back(event);
    if (events.size() > events_max_) events.pop_front();
  }

  std::deque<Event> events;

 private:
  const uint64_t events_max_;
  const seconds time_;
};

void RunWithModel(uint64_t seed) {
  support::Random random(seed);
  const uint64_t events_max = random.Between(1, 60);
  const seconds time(random.Between(1, 60));
  const uint64_t request_max = random.Between(1, 30);
  const uint64_t names = random.Between(2, 150);
  RememberedIds ids({events_max, time, request_max});
  Model model(events_max, time);
  base::SteadyTime now = At({});
  uint64_t position = random.Below(1'000);
  for (int step = 0; step < 400; ++step) {
    if (random.OneIn(2)) now += milliseconds(random.Below(random.OneIn(20) ? 90'000 : 3'000));
    if (random.OneIn(3)) {
      const uint64_t chosen = position - std::min(position, random.Below(80));
      const bool forget = random.OneIn(4);
      forget ? ids.Forget(chosen) : ids.MarkDelivered(chosen);
      for (auto& event : model.events) {
        if (event.position != chosen) continue;
        (forget ? event.forgotten : event.delivered) = true;
      }
      continue;
    }
    ids.Begin(now);
    model.Begin(now);
    std::vector<Model::Event> noted;
    uint64_t number = 0;
    for (uint64_t i = random.Between(1, request_max); i > 0; --i, number += random.Between(0, 2)) {
      const uint64_t name = random.Below(names);
      const auto known = ids.FindOrNote(Id(name), kSame, number).known;
      const auto own = std::find_if(noted.begin(), noted.end(),
                                    [&](const Model::Event& event) { return event.number == name; });
      const Model::Event* const expected = own != noted.end() ? &*own : model.Find(name);
      ASSERT_EQ(known.has_value(), expected != nullptr);
      if (known) {
        ASSERT_EQ(known->position, expected->position);
        ASSERT_EQ(known->noted, own != noted.end());
        ASSERT_EQ(known->delivered, expected->delivered);
      } else {
        noted.push_back({name, number, now});
        ++number;
      }
    }
    if (random.OneIn(4)) continue;  // rejected
    ids.Confirm(position);
    for (auto& event : noted) {
      event.position += position;
      model.Add(event);
    }
    position += number + random.Below(3);
    ASSERT_EQ(ids.Size(), model.events.size());
  }
}

TEST(RememberedIds, AgreesWithASimpleModel) {
  const uint64_t seed = support::SeedOr(1);
  for (uint64_t i = 0; i < 2'000 && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("EI_SEED=" + std::to_string(seed + i));
    RunWithModel(seed + i);
  }
}

}  // namespace
}  // namespace ei
