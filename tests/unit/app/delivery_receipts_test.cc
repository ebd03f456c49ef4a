// What the delivery worker tells those who wait for the sink's word.

#include "unit/app/delivery_worker_fixture.h"

namespace ei::app {
namespace {

class WaitingRequest final : public Receipt {
 public:
  using Receipt::Receipt;
};

class DeliveryReceipts : public DeliveryWorkerTest {
 protected:
  void Append(Receipt& receipt, const Values& values) {
    domain::EventBatch batch;
    for (const std::string& value : values) support::AddRawEvent(batch, value, "k", 0);
    ASSERT_EQ(receipts_.Append(journal_, batch, {}, clock_.Now(), receipt), AppendResult::kAppended);
  }
  std::vector<Receipt*> Finished() {
    std::vector<Receipt*> finished;
    receipts_.Take(inbox_, finished);
    return finished;
  }

  size_t inbox_ = receipts_.AddInbox([] {});
  WaitingRequest request_{receipts_, inbox_};
};

TEST_F(DeliveryReceipts, ADeliveryIsAFateWithItsPlace) {
  Open();
  Append(request_, {"a", "b", "c"});
  worker_->Turn();
  sink_.Deliver({"a", "c"}, "events", 4, 70);
  EXPECT_TRUE(Finished().empty());
  sink_.Deliver({"b"}, "events", 5, -1);
  ASSERT_EQ(Finished(), std::vector<Receipt*>{&request_});
  for (const EventFate& fate : request_.Fates()) EXPECT_EQ(fate.code, "");
  EXPECT_EQ(request_.Fates()[0].topic, "events");
  EXPECT_EQ(request_.Fates()[0].partition, 4);
  EXPECT_EQ(request_.Fates()[0].offset, 70);
  EXPECT_EQ(request_.Fates()[2].offset, 71);
  EXPECT_EQ(request_.Fates()[1].partition, 5);
  EXPECT_EQ(request_.Fates()[1].offset, -1) << "it isn't known";
}

TEST_F(DeliveryReceipts, ADeadLetterIsAFateOnceItStandsInItsTopic) {
  Open();
  Append(request_, {"a"});
  worker_->Turn();
  sink_.Reject("a", "message_too_large");
  worker_->Turn();
  sink_.ReportLetter("a", DeadLetterResult::kUnavailable, "kafka_unavailable");
  EXPECT_TRUE(Finished().empty()) << "it does not stand there yet";
  TurnsThroughWaits();
  sink_.ReportLetter("a", DeadLetterResult::kWritten);
  ASSERT_EQ(Finished(), std::vector<Receipt*>{&request_});
  EXPECT_EQ(request_.Fates()[0].code, "message_too_large");
  EXPECT_EQ(request_.Fates()[0].topic, "");
}

TEST_F(DeliveryReceipts, TheBooksAreRightBeforeAnyoneIsTold) {
  Open();
  uint64_t in_journal_when_woken = 99;
  uint64_t delivered_when_woken = 99;
  const size_t inbox = receipts_.AddInbox([&] {
    in_journal_when_woken = InJournal();
    delivered_when_woken = telemetry_.Read().delivered;
  });
  WaitingRequest request(receipts_, inbox);
  Append(request, {"a"});
  worker_->Turn();
  sink_.DeliverAll();
  EXPECT_EQ(in_journal_when_woken, 0U);
  EXPECT_EQ(delivered_when_woken, 1U);
}

}  // namespace
}  // namespace ei::app
