#include <gtest/gtest.h>

#include <string>

#include "unit/delivery/delivery_worker_fixture.h"

namespace ei {
namespace {

TEST_F(DeliveryWorkerTest, HandsOverAllThatThereIsInItsOrder) {
  Open();
  Values values;
  for (int i = 0; i < 3'000; ++i) values.push_back("e" + std::to_string(i));
  Accept(values);
  EXPECT_TRUE(worker_->Turn());
  EXPECT_EQ(Waiting(), values);
  EXPECT_EQ(worker_->Taken(), 3'000U);
  EXPECT_FALSE(worker_->Turn()) << "there are no more events";
  EXPECT_EQ(worker_->NextTurn(), std::nullopt);
  EXPECT_EQ(InJournal(), 3'000U) << "until they are delivered";
}

TEST_F(DeliveryWorkerTest, EventArrivesAsItWasAccepted) {
  Open();
  DecodedEvent event;
  event.json = R"({"id":"0"})";
  event.id = {Member::Kind::kString, event.json.substr(7, 1), event.json.substr(7, 1)};
  event.timestamp = event.id;
  EventBatch batch;
  event.route = &support::kById;
  batch.Add(event, {}, {}, {.context = {.client = {}, .traceparent = "00-trace-01"}});
  ASSERT_EQ(journal_.Append(batch, clock_.Now()), AppendResult::kAppended);
  worker_->Turn();
  ASSERT_EQ(sink_.Waiting().size(), 1U);
  EXPECT_EQ(sink_.Waiting()[0].value, R"({"id":"0"})");
  EXPECT_EQ(sink_.Waiting()[0].key, "0");
  EXPECT_EQ(sink_.Waiting()[0].run.accepted_at, clock_.Now());
  EXPECT_EQ(sink_.Waiting()[0].run.events, 1U);
  EXPECT_GE(sink_.Waiting()[0].run.held_bytes, batch.Bytes().size());
}

TEST_F(DeliveryWorkerTest, DeliveryIsReportedWithItsTimeAndFeedsTheDrainRate) {
  Open();
  Accept({"a", "b"});
  clock_.Advance(milliseconds(250));
  Accept({"c"});
  worker_->Turn();
  clock_.Advance(milliseconds(500));
  sink_.DeliverAll();
  EXPECT_EQ(telemetry_.Read().delivered, 3U);
  EXPECT_EQ(telemetry_.Read().longest_wait, milliseconds(750));
  EXPECT_GT(drain_rate_.PerSecond(clock_.Now()), 0);
  EXPECT_EQ(worker_->Taken(), 0U);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(journal_.Stats().bytes, 0U);
}

TEST_F(DeliveryWorkerTest, BatchesComeInAnyOrder) {
  Open();
  Accept({"a", "b", "c", "d"});
  worker_->Turn();
  sink_.Deliver({"b", "d"});
  EXPECT_EQ(InJournal(), 2U);
  sink_.Deliver({"a", "c"});
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(journal_.Stats().bytes, 0U);
}

TEST_F(DeliveryWorkerTest, ReportFromWithinAddIsHandled) {
  Open();
  sink_.OnAdd([&] { sink_.DeliverAll(); });
  Accept({"a", "b", "c"});
  worker_->Turn();
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(worker_->Taken(), 0U);
}

TEST_F(DeliveryWorkerTest, RejectedEventBecomesADeadLetterAndDelaysNoOthers) {
  Open();
  Accept({"bad", "good"});
  worker_->Turn();
  sink_.Reject("bad", "invalid_record", "no key", "events", 3);
  ASSERT_TRUE(worker_->NextTurn().has_value());
  EXPECT_LE(*worker_->NextTurn(), clock_.Now());
  worker_->Turn();
  ASSERT_EQ(DeadLetters(), Values{"bad"});
  EXPECT_EQ(sink_.DeadLetters()[0].code, "invalid_record");
  EXPECT_EQ(sink_.DeadLetters()[0].reason, "no key");
  EXPECT_EQ(sink_.DeadLetters()[0].topic, "events");
  EXPECT_EQ(sink_.DeadLetters()[0].attempts, 3U);
  sink_.Deliver({"good"});
  EXPECT_EQ(InJournal(), 1U) << "until the dead letter is written";
  sink_.ReportDeadLetter("bad", DeadLetterResult::kWritten);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(telemetry_.Read().delivered, 1U);
  EXPECT_EQ(telemetry_.Read().dead_lettered, (std::map<std::string, uint64_t>{{"invalid_record", 1}}));
}

}  // namespace
}  // namespace ei
