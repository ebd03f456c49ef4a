#include <gtest/gtest.h>

#include <string>

#include "unit/app/delivery_worker_fixture.h"

namespace ei::app {
namespace {

TEST_F(DeliveryWorkerTest, WindowIsNeverExceededAndWakesWhenAQuarterIsFree) {
  Open(8);
  AcceptMany(20);
  EXPECT_EQ(Turns(), std::nullopt);
  EXPECT_EQ(InFlight().size(), 8U);
  EXPECT_EQ(worker_->InFlight(), 8U);
  wakes_ = 0;
  sink_.Report({"e0"}, Verdict::kDelivered);
  EXPECT_EQ(wakes_, 0) << "one free place is not worth a wake-up";
  sink_.Report({"e1"}, Verdict::kDelivered);
  EXPECT_EQ(wakes_, 1);
  Turns();
  EXPECT_EQ(InFlight().size(), 8U);
}

TEST_F(DeliveryWorkerTest, WindowOfOneDeliversOneByOne) {
  Open(1);
  AcceptMany(5);
  for (int i = 0; i < 5; ++i) {
    Turns();
    ASSERT_EQ(InFlight(), Values{"e" + std::to_string(i)});
    wakes_ = 0;
    sink_.ReportAll(Verdict::kDelivered);
    ASSERT_TRUE(wakes_ > 0 || i == 4);
  }
  EXPECT_EQ(InJournal(), 0U);
}

TEST_F(DeliveryWorkerTest, MoreThanOneSendsWorthIsTakenWithoutAWake) {
  Open(5'000);
  sink_.Route([](const OutboundEvent& event) {
    return Destinations{static_cast<DestinationId>(std::hash<std::string_view>()(event.value) % 50)};
  });
  AcceptMany(3'000);
  EXPECT_EQ(Turns(), std::nullopt);
  EXPECT_EQ(InFlight().size(), 3'000U);
  for (const Values& send : sink_.TakeSends()) EXPECT_LE(send.size(), 1'024U);
}

TEST_F(DeliveryWorkerTest, NothingToDoWaitsForAWake) {
  Open();
  EXPECT_EQ(worker_->Turn(), std::nullopt);
  Accept({"a"});
  EXPECT_EQ(Turns(), std::nullopt);
  EXPECT_EQ(Turns(), std::nullopt);
  EXPECT_EQ(sink_.TakeSends(), (Sends{{"a"}})) << "sent once";
}

TEST_F(DeliveryWorkerTest, WaitIsTheSoonerOfRetriesAndDeadLetters) {
  Open();
  Accept({"bad", "a"});
  Turns();
  sink_.Report({"bad"}, Verdict::kEventInvalid, "invalid");
  Turns();
  sink_.Report({"bad", "a"}, Verdict::kTransient, "x");
  for (int i = 0; i < 1'000 && InFlight().size() < 2; ++i) {
    const auto wait = worker_->Turn();
    if (InFlight().size() == 2) break;
    ASSERT_TRUE(wait.has_value());
    ASSERT_LE(*wait, milliseconds(200));
    clock_.Advance(*wait);
  }
  EXPECT_EQ(InFlight().size(), 2U) << "both were sent again in their time";
}

TEST_F(DeliveryWorkerTest, EventArrivesAsItWasAccepted) {
  Open();
  domain::DecodedEvent event;
  event.json = R"({"id":"0"})";
  event.id = {domain::Member::Kind::kString, event.json.substr(7, 1), event.json.substr(7, 1)};
  event.timestamp = event.id;
  domain::EventBatch batch;
  event.route = &support::kById;
  batch.Add(event, {}, {}, {.traceparent = "00-trace-01"});
  event.route = &support::kWithoutKey;
  batch.Add(event, {}, {}, {});
  ASSERT_EQ(journal_.Append(batch, clock_.Now()), AppendResult::kAppended);
  Turns();
  ASSERT_EQ(sink_.InFlight().size(), 2U);
  const OutboundEvent& keyed = sink_.InFlight()[0].event;
  EXPECT_EQ(keyed.value, R"({"id":"0"})");
  EXPECT_TRUE(keyed.has_key);
  EXPECT_EQ(keyed.key, "0");
  EXPECT_EQ(keyed.key_hash, batch.Events()[0].key_hash);
  EXPECT_EQ(keyed.traceparent, "00-trace-01");
  EXPECT_FALSE(sink_.InFlight()[1].event.has_key);
}

TEST_F(DeliveryWorkerTest, DeliveryIsToldWithItsTimeAndFeedsTheDrainRate) {
  Open();
  Accept({"a", "b"});
  clock_.Advance(milliseconds(250));
  Accept({"c"});
  Turns();
  clock_.Advance(milliseconds(500));
  sink_.ReportAll(Verdict::kDelivered);
  EXPECT_EQ(telemetry_.Read().delivered, 3U);
  EXPECT_EQ(telemetry_.Read().longest_wait, milliseconds(750));
  EXPECT_GT(drain_rate_.PerSecond(clock_.Now()), 0);
  EXPECT_EQ(worker_->InFlight(), 0U);
}

TEST_F(DeliveryWorkerTest, SlotOfAFailedEventCarriesNothingOver) {
  Open(1, 0);
  Accept({"a", "b"});
  Turns();
  sink_.ReportAll(Verdict::kEventRefused, "too_large");
  TurnsThroughWaits();
  sink_.ReportAll(Verdict::kDelivered);
  Turns();
  ASSERT_EQ(InFlight(), Values{"b"});
  EXPECT_EQ(sink_.InFlight()[0].grouping, Grouping::kTogether);
  sink_.ReportAll(Verdict::kEventRefused, "too_large");
  TurnsThroughWaits();
  ASSERT_EQ(InFlight(), Values{"b"});
  EXPECT_FALSE(sink_.InFlight()[0].dead_letter);
}

TEST_F(DeliveryWorkerTest, ReportFromWithinSendIsHandled) {
  Open(2);
  AcceptMany(10);
  sink_.OnSend([&] { sink_.ReportAll(Verdict::kDelivered); });
  for (int i = 0; i < 20 && InJournal() > 0; ++i) worker_->Turn();
  EXPECT_EQ(InJournal(), 0U);
}

}  // namespace
}  // namespace ei::app
