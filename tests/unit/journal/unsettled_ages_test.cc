#include "journal/unsettled_ages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <vector>

#include "journal/event_runs.h"
#include "support/random.h"

namespace ei {
namespace {

using base::SteadyTime;
using std::chrono::milliseconds;
using Runs = std::vector<EventRun>;

SteadyTime At(int64_t millis) { return SteadyTime(milliseconds(millis)); }

TEST(UnsettledAges, OldestIsThatOfTheSpanWithTheOldest) {
  UnsettledAges ages;
  EXPECT_EQ(ages.Oldest(), std::nullopt);
  EXPECT_EQ(ages.Add(2, At(5)), At(5));
  EXPECT_EQ(ages.Add(1, At(104)), At(104)) << "in the same span";
  EXPECT_EQ(ages.Add(1, At(105)), At(105)) << "in the next span";
  EXPECT_EQ(ages.Oldest(), At(5));
  ages.Settle(Runs{{At(5), 0, 2, 0}});
  EXPECT_EQ(ages.Oldest(), At(5)) << "within a tenth of a second";
  ages.Settle(Runs{{At(104), 0, 1, 0}});
  EXPECT_EQ(ages.Oldest(), At(105));
  ages.Settle(Runs{{At(105), 0, 1, 0}});
  EXPECT_EQ(ages.Oldest(), std::nullopt);
  ages.Add(1, At(50));
  EXPECT_EQ(ages.Oldest(), At(50)) << "settled events are forgotten";
}

TEST(UnsettledAges, OrderOfSettlingDoesNotMatter) {
  UnsettledAges ages;
  for (int64_t second = 0; second < 4; ++second) ages.Add(2, At(second * 1'000));
  ages.Settle(Runs{{At(3'000), 0, 2, 0}, {At(1'000), 0, 1, 0}});
  EXPECT_EQ(ages.Oldest(), At(0));
  ages.Settle(Runs{{At(1'000), 0, 1, 0}, {At(0), 0, 2, 0}});
  EXPECT_EQ(ages.Oldest(), At(2'000));
  ages.Add(1, At(9'000));
  ages.Settle(Runs{{At(2'000), 0, 2, 0}});
  EXPECT_EQ(ages.Oldest(), At(9'000));
}

// Request threads read the clock before they take the journal's lock.
TEST(UnsettledAges, AnEarlierTimeBecomesThatOfTheLastSpan) {
  UnsettledAges ages;
  ages.Add(1, At(1'000));
  ages.Add(1, At(2'000));
  EXPECT_EQ(ages.Add(1, At(1'500)), At(2'000));
  ages.Settle(Runs{{At(1'000), 0, 1, 0}});
  EXPECT_EQ(ages.Oldest(), At(2'000));
  ages.Settle(Runs{{At(2'000), 0, 1, 0}});
  EXPECT_EQ(ages.Oldest(), At(2'000));
  ages.Settle(Runs{{At(2'000), 0, 1, 0}});
  EXPECT_EQ(ages.Oldest(), std::nullopt);
}

TEST(UnsettledAges, NoEventsHaveNoAge) {
  UnsettledAges ages;
  EXPECT_EQ(ages.Add(0, At(1)), At(1));
  ages.Settle({});
  EXPECT_EQ(ages.Oldest(), std::nullopt);
}

// An outage of hours with an event per second; then the events are settled, the oldest first. The reported
// time is never later than the true one, and the error is a small part of the age.
TEST(UnsettledAges, AgesOfALongOutageAreLessPrecise) {
  constexpr int64_t kEvents = 20'000;
  std::set<SteadyTime> reported;
  UnsettledAges ages;
  for (int64_t i = 0; i < kEvents; ++i) ages.Add(1, At(i * 1'000));
  const int64_t now = kEvents * 1'000;
  for (int64_t i = 0; i < kEvents; ++i) {
    ASSERT_TRUE(ages.Oldest());
    ASSERT_LE(*ages.Oldest(), At(i * 1'000));
    ASSERT_GE(*ages.Oldest(), At(i * 1'000 - now / 1'000));
    reported.insert(*ages.Oldest());
    ages.Settle(Runs{{At(i * 1'000), 0, 1, 0}});
  }
  EXPECT_EQ(ages.Oldest(), std::nullopt);
  EXPECT_LE(reported.size(), 4'096U) << "its memory is bounded";
}

// Compared with a table of all times, during outages and between them.
TEST(UnsettledAges, InAnyOrderTheReportedTimeIsNotLaterThanTheOldest) {
  support::Random random(support::SeedOr(3));
  for (int round = 0; round < 5; ++round) {
    UnsettledAges ages;
    std::map<SteadyTime, uint32_t> unsettled;
    size_t most = 0;
    int64_t now = 1'000'000;
    for (int step = 0; step < 40'000; ++step) {
      const bool outage = step / 10'000 % 2 == 0;
      now += static_cast<int64_t>(random.Below(400));
      if (unsettled.empty() || outage || random.OneIn(3)) {
        const auto events = static_cast<uint32_t>(random.Between(1, 5));
        const SteadyTime accepted_at = At(now - static_cast<int64_t>(random.Below(300)));
        const SteadyTime given = ages.Add(events, accepted_at);
        ASSERT_GE(given, accepted_at);
        unsettled[given] += events;
      } else {
        // Settles the oldest time or any other; all of its events or some.
        auto chosen = unsettled.begin();
        if (random.OneIn(4)) std::advance(chosen, random.Below(std::min<size_t>(unsettled.size(), 50)));
        const auto events = static_cast<uint32_t>(random.Between(1, chosen->second));
        ages.Settle(Runs{{chosen->first, 0, events, 0}});
        if ((chosen->second -= events) == 0) unsettled.erase(chosen);
      }
      most = std::max(most, unsettled.size());
      ASSERT_EQ(ages.Oldest().has_value(), !unsettled.empty());
      if (!unsettled.empty()) {
        ASSERT_LE(*ages.Oldest(), unsettled.begin()->first);
      }
    }
    EXPECT_GT(most, 4'096U) << "spans must have been merged";
    Runs rest;
    for (const auto& [time, events] : unsettled) rest.push_back({time, 0, events, 0});
    std::ranges::reverse(rest);
    ages.Settle(rest);
    EXPECT_EQ(ages.Oldest(), std::nullopt);
  }
}

}  // namespace
}  // namespace ei
