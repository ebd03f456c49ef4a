// A topic gets another number of partitions while events are on their way.

#include <gtest/gtest.h>

#include <string>

#include "unit/app/delivery_worker_fixture.h"

namespace ei::app {
namespace {

class DeliveryLayouts : public DeliveryWorkerTest {
 protected:
  void SetUp() override {
    DeliveryWorkerTest::SetUp();
    sink_.RouteByHash([this](uint32_t hash) {
      return Destinations{uint64_t{layout_} * 100 + hash % partitions_, 1, 0, layout_};
    });
  }
  void Change(uint32_t partitions) {
    partitions_ = partitions;
    ++layout_;
  }
  void Fail(const Values& values) { sink_.Report(values, Verdict::kTransient, "x"); }
  void Deliver(const Values& values) { sink_.Report(values, Verdict::kDelivered); }

  uint32_t partitions_ = 12;
  uint32_t layout_ = 0;
};

TEST_F(DeliveryLayouts, WhatWaitsForItsTurnGoesBeforeWhatComesByTheNewLayout) {
  for (const uint32_t partitions : {3U, 48U, 1U}) {
    Open(8);
    Accept({"a", "b"});
    Turns();
    Fail({"a"});
    Change(partitions);
    Accept({"c"});
    Turns();
    EXPECT_EQ(InFlight(), Values{"b"}) << "neither may overtake it";
    Deliver({"b"});
    TurnsThroughWaits();
    EXPECT_EQ(InFlight(), (Values{"a", "c"})) << partitions;
    for (const auto& sent : sink_.InFlight()) EXPECT_EQ(sent.event.destination / 100, layout_);
    Deliver({"a", "c"});
    Turns();
    EXPECT_EQ(InJournal(), 0U);
  }
}

TEST_F(DeliveryLayouts, FailureOfWhatWentByTheOldLayoutKeepsItsPlace) {
  Open(8);
  Accept({"a", "b", "c"});
  Turns();
  Change(3);
  Accept({"d"});
  Turns();
  Deliver({"a"});
  TurnsThroughWaits();
  Fail({"c"});
  TurnsThroughWaits();
  EXPECT_EQ(InFlight(), Values{"b"});
  Change(5);
  Accept({"e"});
  TurnsThroughWaits();
  EXPECT_EQ(InFlight(), Values{"b"});
  Fail({"b"});
  TurnsThroughWaits();
  EXPECT_EQ(InFlight(), (Values{"b", "c", "d", "e"}));
}

TEST_F(DeliveryLayouts, OtherKeysGoOn) {
  Open(8);
  Accept({"a"}, "one");
  Turns();
  Change(1'000);
  Accept({"b"}, "one");
  Accept({"c"}, "two");
  Turns();
  EXPECT_EQ(InFlight(), (Values{"a", "c"}));
  Deliver({"a"});
  Turns();
  EXPECT_EQ(InFlight(), (Values{"c", "b"}));
}

TEST_F(DeliveryLayouts, TheLastReportFromTheOldLayoutWakesTheWorker) {
  Open(8);
  Accept({"a"});
  Turns();
  Change(3);
  Accept({"b"});
  Turns();
  wakes_ = 0;
  Deliver({"a"});
  EXPECT_GT(wakes_, 0);
}

TEST_F(DeliveryLayouts, ABacklogGoesByTheNewLayoutInItsOrder) {
  Open(4);
  Values values;
  for (int i = 0; i < 500; ++i) values.push_back("e" + std::to_string(i));
  Accept(values);
  Values arrived;
  for (int round = 0; InJournal() > 0; ++round) {
    ASSERT_LT(round, 2'000);
    TurnsThroughWaits();
    const Values sent = InFlight();
    ASSERT_FALSE(sent.empty());
    arrived.insert(arrived.end(), sent.begin(), sent.end());
    Deliver(sent);
    if (round % 7 == 0) Change(1 + static_cast<uint32_t>(round) % 13);
  }
  EXPECT_EQ(arrived, values);
}

TEST_F(DeliveryLayouts, WhatIsHeldByAStuckOneOfTheOldLayoutIsStuckToo) {
  Open(8);
  Accept({"a"}, "one");
  Turns();
  Change(1'000);
  Accept({"b"}, "one");
  for (int i = 0; i < 300; ++i) {
    Accept({"c"}, "two");
    Turns();
    clock_.Advance(milliseconds(5));
    Deliver({"c"});
  }
  Turns();
  EXPECT_EQ(stuck_.Count(), 1U);
  Deliver({"a"});
  TurnsThroughWaits();
  Deliver({"b"});
  TurnsThroughWaits();
  EXPECT_EQ(stuck_.Count(), 0U);
}

}  // namespace
}  // namespace ei::app
