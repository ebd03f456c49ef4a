// The results that waiters at level broker get.

#include "support/waiting_request.h"
#include "unit/delivery/delivery_worker_fixture.h"

namespace ei {
namespace {

using Waiters = std::vector<Waiter*>;

class DeliveryResults : public DeliveryWorkerTest {
 protected:
  void Append(Waiter& waiter, const Values& values) {
    EventBatch batch;
    for (const std::string& value : values) support::AddRawEvent(batch, value, "k", 0);
    ASSERT_EQ(journal_.Append({.batch = batch, .ack = AckLevel::kBroker, .waiter = &waiter}, clock_.Now()),
              AppendResult::kAppended);
  }
  Waiters Completed() { return support::TakeCompleted(*queue_); }

  const std::shared_ptr<CompletionQueue> queue_ = std::make_shared<CompletionQueue>([] {});
  support::WaitingRequest request_{journal_, queue_};
};

TEST_F(DeliveryResults, ADeliveryHasAPartitionAndOffset) {
  Open();
  Append(request_, {"a", "b", "c"});
  worker_->Turn();
  sink_.Deliver({"a", "c"}, "events", 4, 70);
  EXPECT_TRUE(Completed().empty());
  sink_.Deliver({"b"}, "events", 5, -1);
  ASSERT_EQ(Completed(), Waiters{&request_});
  for (const DeliveryResult& result : request_.Results()) EXPECT_EQ(result.code, "");
  EXPECT_EQ(request_.Results()[0].topic, "events");
  EXPECT_EQ(request_.Results()[0].partition, 4);
  EXPECT_EQ(request_.Results()[0].offset, 70);
  EXPECT_EQ(request_.Results()[2].offset, 71);
  EXPECT_EQ(request_.Results()[1].partition, 5);
  EXPECT_EQ(request_.Results()[1].offset, -1) << "it isn't known";
}

TEST_F(DeliveryResults, ADeadLetterIsReportedOnceItIsInItsTopic) {
  Open();
  Append(request_, {"a"});
  worker_->Turn();
  sink_.Reject("a", "message_too_large");
  worker_->Turn();
  sink_.ReportDeadLetter("a", DeadLetterResult::kUnavailable, "kafka_unavailable");
  EXPECT_TRUE(Completed().empty()) << "it is not written yet";
  TurnsThroughWaits();
  sink_.ReportDeadLetter("a", DeadLetterResult::kWritten);
  ASSERT_EQ(Completed(), Waiters{&request_});
  EXPECT_EQ(request_.Results()[0].code, "message_too_large");
  EXPECT_EQ(request_.Results()[0].topic, "");
}

TEST_F(DeliveryResults, TheCountsAreUpToDateBeforeAWaiterIsWoken) {
  Open();
  uint64_t in_journal_when_woken = 99;
  uint64_t delivered_when_woken = 99;
  const auto queue = std::make_shared<CompletionQueue>([&] {
    in_journal_when_woken = InJournal();
    delivered_when_woken = telemetry_.Read().delivered;
  });
  support::WaitingRequest request(journal_, queue);
  Append(request, {"a"});
  worker_->Turn();
  sink_.DeliverAll();
  EXPECT_EQ(in_journal_when_woken, 0U);
  EXPECT_EQ(delivered_when_woken, 1U);
}

}  // namespace
}  // namespace ei
