// What the delivery worker does with events that are refused alone, and with a topic that refuses all.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "unit/app/delivery_worker_fixture.h"

namespace ei::app {
namespace {

class DeliveryRefusals : public DeliveryWorkerTest {
 protected:
  // Refuses what begins with 'b' and takes the rest, until nothing is in flight and no time helps.
  void Run(base::Duration time) {
    const auto until = clock_.Now() + time;
    while (clock_.Now() < until) {
      Turns();
      for (const auto& sent : std::vector(sink_.InFlight())) {
        requests_ += sent.dead_letter ? 0 : 1;
        const bool refused = !sent.dead_letter && (all_refused_ || sent.value.starts_with('b'));
        sink_.Report({sent.value}, refused ? Verdict::kEventRefused : Verdict::kDelivered, "invalid_record");
      }
      const auto wait = Turns();
      if (InFlight().empty()) clock_.Advance(wait.value_or(time));
    }
  }
  uint64_t DeadLettered() const { return telemetry_.Read().DeadLettered(); }

  bool all_refused_ = false;
  size_t requests_ = 0;
};

TEST_F(DeliveryRefusals, OneThatIsRefusedHoldsNobodyUp) {
  Open();
  Accept({"bad"});
  Turns();
  sink_.Report({"bad"}, Verdict::kEventRefused, "x");
  Turns();
  ASSERT_EQ(InFlight(), Values{"bad"}) << "alone now";
  Accept({"a"});
  Turns();
  sink_.Report({"bad"}, Verdict::kEventRefused, "x");
  Turns();
  ASSERT_EQ(InFlight(), Values{"a"}) << "without a pause";
  sink_.Report({"a"}, Verdict::kDelivered);
  TurnsThroughWaits();
  EXPECT_EQ(InFlight(), Values{"bad"}) << "after its own";
}

TEST_F(DeliveryRefusals, ManyBadOnesCostTheGoodOnesNoPause) {
  Open(1'000);
  const auto began = clock_.Now();
  for (int i = 0; i < 200; ++i) {
    Accept({"b" + std::to_string(i)});
    Accept({"a" + std::to_string(i)});
    for (int turn = 0; turn < 20; ++turn) {
      Turns();
      for (const auto& sent : std::vector(sink_.InFlight())) {
        const bool refused = !sent.dead_letter && sent.value.starts_with('b');
        sink_.Report({sent.value}, refused ? Verdict::kEventRefused : Verdict::kDelivered, "x");
      }
    }
    ASSERT_EQ(telemetry_.Read().delivered, static_cast<uint64_t>(i) + 1);
  }
  EXPECT_EQ(clock_.Now(), began);
  Accept({"a"});
  Run(seconds(60));
  EXPECT_EQ(DeadLettered(), 200U);
  EXPECT_EQ(InJournal(), 0U);
}

TEST_F(DeliveryRefusals, ATopicThatTakesNothingCostsNoEvent) {
  for (const uint32_t retries : {0U, 3U}) {
    Open(8, retries);
    all_refused_ = true;
    requests_ = 0;
    AcceptMany(60);
    Run(std::chrono::hours(1));
    EXPECT_EQ(DeadLettered(), 0U);
    EXPECT_EQ(InJournal(), 60U);
    EXPECT_LT(requests_, 20'000U) << "one a second or so, to find out";
    all_refused_ = false;
    Run(seconds(60));
    EXPECT_EQ(InJournal(), 0U);
    EXPECT_EQ(DeadLettered(), 0U) << "none was at fault";
  }
  EXPECT_EQ(telemetry_.Read().sink_faults["all_refused"], 2U);
}

TEST_F(DeliveryRefusals, GoodOnesAreFoundBehindBadOnesWhichAreThenGivenUp) {
  Open(8, 1);
  Values values;
  for (int i = 0; i < 50; ++i) values.push_back("b" + std::to_string(i));
  Accept(values);
  Run(seconds(60));
  EXPECT_EQ(DeadLettered(), 0U) << "nothing shows that the topic takes any";
  Accept({"good"});
  Run(seconds(5));
  EXPECT_EQ(telemetry_.Read().delivered, 1U);
  Run(seconds(60));
  EXPECT_EQ(DeadLettered(), 50U);
  EXPECT_EQ(InJournal(), 0U);
}

TEST_F(DeliveryRefusals, WhatAnotherPartitionOfTheTopicTakesIsProofToo) {
  Open(8, 0);
  sink_.Route(
      [](const OutboundEvent& event) { return Destinations{event.value.starts_with('b') ? 1U : 2U}; });
  Accept({"bad"});
  Run(seconds(10));
  EXPECT_EQ(DeadLettered(), 0U);
  Accept({"good"});
  Run(seconds(10));
  EXPECT_EQ(DeadLettered(), 1U);
  EXPECT_EQ(InJournal(), 0U);
}

TEST_F(DeliveryRefusals, WhatAnotherTopicTakesIsNone) {
  Open(8, 0);
  sink_.Route([](const OutboundEvent& event) {
    const uint32_t topic = event.value.starts_with('b') ? 1 : 2;
    return Destinations{topic, 1, topic};
  });
  Accept({"bad"});
  for (int i = 0; i < 20; ++i) {
    Accept({"good" + std::to_string(i)});
    Run(seconds(1));
  }
  EXPECT_EQ(telemetry_.Read().delivered, 20U);
  EXPECT_EQ(DeadLettered(), 0U);
}

TEST_F(DeliveryRefusals, ADeadLetterCountsTheTriesOfItsOwnEvent) {
  Open(1'000, 0);
  Values values = {"good"};
  for (int i = 0; i < 63; ++i) values.push_back("g" + std::to_string(i));
  values.insert(values.begin() + 30, "bad");
  Accept(values);
  uint32_t attempts = 0;
  for (int i = 0; i < 200 && InJournal() > 0; ++i) {
    TurnsThroughWaits();
    for (const auto& sent : sink_.InFlight()) attempts = sent.dead_letter ? sent.attempts : attempts;
    const bool together = IsInFlight("bad") && !sink_.InFlight()[0].dead_letter;
    sink_.ReportAll(together ? Verdict::kEventInvalid : Verdict::kDelivered, "too_large");
  }
  EXPECT_EQ(attempts, 1U);
}

}  // namespace
}  // namespace ei::app
