#include "app/destination_queues.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ei::app {
namespace {

using std::chrono::milliseconds;
using Slots = std::vector<uint64_t>;
using Ids = std::vector<DestinationId>;

class DestinationQueuesTest : public ::testing::Test {
 protected:
  void Add(DestinationId destination, size_t count = 1) {
    for (size_t i = 0; i < count; ++i, ++next_) queues_.Add({destination}, {next_, next_});
  }
  Slots Leave(size_t max = 1'000) {
    std::vector<DestinationQueues::Departure> departures;
    queues_.TakeDepartures(now_, max, departures);
    Slots slots;
    for (const auto& departure : departures) slots.push_back(departure.slot);
    return slots;
  }
  void Return(DestinationId destination, size_t count = 1) {
    for (size_t i = 0; i < count; ++i) queues_.Returned(destination);
  }

  void PutBack(DestinationId destination, const DestinationQueues::Entry& entry,
               base::SteadyTime not_before) {
    queues_.PutBack({destination}, entry, not_before);
    queues_.EndPutBack();
  }

  void Deliver(DestinationId destination, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Add(destination);
      Leave();
      queues_.Delivered(destination, now_);
    }
  }
  std::vector<DestinationId> Stuck() const { return queues_.Stuck(now_, std::chrono::milliseconds(100)); }

  DestinationQueues queues_{100};
  uint64_t next_ = 0;
  base::SteadyTime now_;
};

TEST_F(DestinationQueuesTest, StuckIsWhatHasNoDeliveryWhileOthersHaveAtLeastHalfAsManyAsThereAreEvents) {
  Add(1, 400);
  Leave();
  now_ += milliseconds(99);
  Deliver(2, 300);
  EXPECT_EQ(Stuck(), Ids{}) << "not for long enough";
  now_ += milliseconds(1);
  EXPECT_EQ(Stuck(), Ids{1});
  Add(3, 203);
  EXPECT_EQ(Stuck(), Ids{}) << "the others are not that quick";
  Deliver(2, 1);
  EXPECT_EQ(Stuck(), Ids{1});
  queues_.Delivered(1, now_);
  EXPECT_EQ(Stuck(), Ids{}) << "it has moved";
  now_ += milliseconds(100);
  EXPECT_EQ(Stuck(), Ids{}) << "and no other since";
}

TEST_F(DestinationQueuesTest, WhatIsHaltedGetsNoMoreUntilItHasADelivery) {
  Add(1, 50);
  EXPECT_EQ(Leave(10).size(), 10U);
  queues_.Halt(1);
  EXPECT_EQ(Leave().size(), 0U);
  Return(1, 10);
  EXPECT_EQ(Leave().size(), 1U) << "one that finds out";
  queues_.Delivered(1, now_);
  EXPECT_EQ(Leave().size(), 39U);
}

TEST_F(DestinationQueuesTest, WhatIsInFlightGrowsWithDeliveriesOnly) {
  DestinationQueues wide(100'000);
  uint64_t position = 0;
  for (; position < 50'000; ++position) wide.Add({1}, {position, position});
  const auto leave = [&] {
    std::vector<DestinationQueues::Departure> departures;
    wide.TakeDepartures(now_, 100'000, departures);
    return departures.size();
  };
  EXPECT_EQ(leave(), 256U) << "to begin with";
  EXPECT_EQ(leave(), 0U) << "none was delivered";
  size_t in_flight = 256;
  for (const size_t most : {512U, 1'024U, 2'048U}) {
    now_ += std::chrono::milliseconds(1);
    for (; in_flight > 0; --in_flight) wide.Delivered(1, now_);
    EXPECT_EQ(leave(), most) << "twice what there was, though all came back at once";
    in_flight = most;
  }
  now_ += std::chrono::milliseconds(1);
  wide.Delivered(1, now_);
  EXPECT_EQ(leave(), 2'049U) << "twice as many as at the last delivery, and one for that";
}

TEST_F(DestinationQueuesTest, WaitingOnesAreVisitedFromBothEnds) {
  Add(1, 5);
  std::vector<uint64_t> seen;
  queues_.VisitWaiting(1, [&](uint64_t slot) {
    seen.push_back(slot);
    return slot != 2;
  });
  EXPECT_EQ(seen, (std::vector<uint64_t>{4, 3, 2, 0, 1, 2}));
  queues_.VisitWaiting(9, [](uint64_t) -> bool { throw std::logic_error("there is nothing"); });
}

TEST_F(DestinationQueuesTest, NothingIsStuckInAnOutageOfAll) {
  Deliver(1, 1'000);
  Deliver(2, 1'000);
  for (DestinationId destination : {1U, 2U, 3U}) Add(destination, 5);
  Leave();
  now_ += std::chrono::hours(1);
  EXPECT_EQ(Stuck(), Ids{});
}

TEST_F(DestinationQueuesTest, WhatFailsAgainAndAgainIsStuckAndWhatWasIdleIsNot) {
  Add(1);
  for (int i = 0; i < 30; ++i) {
    Leave();
    now_ += milliseconds(100);
    Return(1);
    PutBack(1, {0, 0}, now_);
    Deliver(2, 10);
  }
  EXPECT_EQ(Stuck(), Ids{1});
  Leave();
  Return(1);  // it is a dead letter now
  EXPECT_EQ(Stuck(), Ids{});
  Add(1);
  Leave();
  now_ += milliseconds(100);
  EXPECT_EQ(Stuck(), Ids{}) << "it has only just left";
}

TEST_F(DestinationQueuesTest, OneDestinationGetsTheWholeWindow) {
  Add(7, 300);
  EXPECT_EQ(Leave().size(), 100U);
  EXPECT_EQ(queues_.Waiting(), 200U);
  EXPECT_TRUE(Leave().empty());
  Return(7, 30);
  EXPECT_EQ(Leave().size(), 30U);
  EXPECT_EQ(queues_.InFlight(), 100U);
}

TEST_F(DestinationQueuesTest, StuckOnesLeaveRoomHoweverManyThereAre) {
  for (DestinationId stuck = 0; stuck < 9; ++stuck) {
    Add(stuck, 300);
    Leave();
  }
  EXPECT_LE(queues_.InFlight(), 125U + 9);
  Add(9, 300);
  size_t through = 0;
  for (int round = 0; round < 300; ++round) {
    const size_t left = Leave().size();
    through += left;
    Return(9, left);
  }
  EXPECT_EQ(through, 300U) << "the tenth goes on";
}

TEST_F(DestinationQueuesTest, WhatOneLeavesIsAFifthOfThePool) {
  Add(0, 300);
  Leave();
  Add(1, 300);
  EXPECT_EQ(Leave().size(), 20U);
}

TEST_F(DestinationQueuesTest, EventsOfADestinationLeaveInTheirOrder) {
  Add(1, 2);
  Add(2, 2);
  Add(1, 1);
  EXPECT_EQ(Leave(), (Slots{0, 1, 4, 2, 3}));
}

TEST_F(DestinationQueuesTest, NobodyIsAlwaysLast) {
  Add(1, 50);
  Add(2, 50);
  EXPECT_EQ(Leave(10)[0], 0U);
  EXPECT_EQ(Leave(10)[0], 50U);
}

TEST_F(DestinationQueuesTest, FailureHoldsItsDestinationUntilAllIsBackAndTheTimeHasCome) {
  Add(1, 3);
  Add(2, 1);
  Leave();
  Add(1, 1);
  Return(1);
  PutBack(1, {1, 1}, now_ + milliseconds(10));
  EXPECT_TRUE(Leave().empty());
  EXPECT_EQ(queues_.ReportsWorthALook(), 2U) << "the two that are out";
  EXPECT_EQ(queues_.NextDeparture(), std::nullopt);
  Return(1);
  PutBack(1, {0, 0}, now_ + milliseconds(5));
  Return(1);
  EXPECT_TRUE(Leave().empty());
  EXPECT_EQ(queues_.NextDeparture(), now_ + milliseconds(10)) << "the later of the two";
  now_ += milliseconds(10);
  EXPECT_EQ(Leave(), (Slots{0, 1, 4})) << "in the order of positions, then what is new";
}

TEST_F(DestinationQueuesTest, FailureOfOneDestinationDoesNotHoldAnother) {
  Add(1);
  Add(2);
  Leave();
  Return(1);
  PutBack(1, {0, 0}, now_ + milliseconds(10));
  Add(2, 3);
  EXPECT_EQ(Leave(), (Slots{2, 3, 4}));
}

TEST_F(DestinationQueuesTest, OneThatIsToBeAloneWaitsAndIsWaitedFor) {
  Add(1, 2);
  Leave();
  Return(1);
  PutBack(1, {0, 0, 1}, now_);
  Add(1, 1);
  EXPECT_TRUE(Leave().empty()) << "the other one is still out";
  Return(1);
  std::vector<DestinationQueues::Departure> departures;
  queues_.TakeDepartures(now_, 10, departures);
  ASSERT_EQ(departures.size(), 1U);
  EXPECT_EQ(departures[0].slot, 0U);
  EXPECT_EQ(departures[0].group, 1U);
  EXPECT_TRUE(Leave().empty());
  EXPECT_EQ(queues_.ReportsWorthALook(), 1U);
  Return(1);
  EXPECT_EQ(Leave(), Slots{2});
}

TEST_F(DestinationQueuesTest, AGroupLeavesByItselfAndIsNoLargerThanItsMembersAllow) {
  Add(1, 6);
  Leave();
  const std::vector<uint32_t> limits = {3, 3, 2, 3, 3, 0};
  for (uint64_t slot = 0; slot < limits.size(); ++slot) {
    Return(1);
    PutBack(1, {slot, slot, limits[slot]}, now_);
  }
  Add(1, 1);
  const auto leave = [this] {
    std::vector<DestinationQueues::Departure> departures;
    queues_.TakeDepartures(now_, 10, departures);
    Slots slots;
    for (const auto& departure : departures) {
      slots.push_back(departure.slot);
      EXPECT_TRUE(departure.group == 0 || departure.group == departures.size());
    }
    return slots;
  };
  EXPECT_EQ(leave(), (Slots{0, 1}));
  EXPECT_EQ(queues_.ReportsWorthALook(), 2U);
  Return(1);
  EXPECT_TRUE(leave().empty()) << "one of the group is still out";
  Return(1);
  EXPECT_EQ(leave(), (Slots{2, 3}));
  Return(1);
  Return(1);
  EXPECT_EQ(leave(), (Slots{4}));
  Return(1);
  EXPECT_EQ(leave(), (Slots{5, 6})) << "those without a limit";
}

TEST_F(DestinationQueuesTest, EventsWithAChoiceGetTheirDestinationWhenTheyLeave) {
  Add(3, 300);
  Leave();
  for (; next_ < 5'000; ++next_) queues_.Add({0, 10}, {next_, next_});
  size_t through = 0;
  std::vector<DestinationQueues::Departure> departures;
  for (int round = 0; round < 2'000; ++round) {
    departures.clear();
    queues_.TakeDepartures(now_, 1'000, departures);
    for (const auto& departure : departures) {
      ASSERT_NE(departure.destination, 3U) << "what waits there has to go first";
      queues_.Returned(departure.destination);
      ++through;
    }
  }
  EXPECT_EQ(through, 4'700U);
  EXPECT_EQ(queues_.Waiting(), 200U);
}

TEST_F(DestinationQueuesTest, WhatWaitsWithAChoiceIsWorthALook) {
  for (; next_ < 300; ++next_) queues_.Add({0, 2}, {next_, next_});
  Leave();
  EXPECT_GT(queues_.Waiting(), 0U);
  EXPECT_GT(queues_.ReportsWorthALook(), 0U);
}

TEST_F(DestinationQueuesTest, WindowOfOneLetsOneOfEachDestinationLeave) {
  DestinationQueues small(1);
  for (uint64_t i = 0; i < 6; ++i) small.Add({i % 3}, {i, i});
  std::vector<DestinationQueues::Departure> departures;
  small.TakeDepartures(now_, 10, departures);
  EXPECT_EQ(departures.size(), 3U);
}

}  // namespace
}  // namespace ei::app
