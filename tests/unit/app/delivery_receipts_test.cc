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

TEST_F(DeliveryReceipts, ATransientFailureIsNoFateAndTheDeliveryIs) {
  Open();
  Append(request_, {"a", "b"});
  Turns();
  sink_.Report({"a", "b"}, Verdict::kTransient, "kafka_unavailable");
  EXPECT_TRUE(Finished().empty());
  TurnsThroughWaits();
  sink_.Report({"a"}, Verdict::kDelivered);
  EXPECT_TRUE(Finished().empty());
  sink_.Report({"b"}, Verdict::kDelivered);
  EXPECT_EQ(Finished(), std::vector<Receipt*>{&request_});
  EXPECT_EQ(request_.Fates()[0].code, "");
  EXPECT_EQ(request_.Fates()[1].code, "");
}

TEST_F(DeliveryReceipts, ADeadLetterIsAFateOnceItStandsInItsTopic) {
  Open();
  Append(request_, {"a"});
  Turns();
  sink_.Report({"a"}, Verdict::kEventInvalid, "message_too_large");
  Turns();
  ASSERT_TRUE(sink_.InFlight().front().dead_letter);
  sink_.Report({"a"}, Verdict::kTransient, "kafka_unavailable");
  EXPECT_TRUE(Finished().empty()) << "it does not stand there yet";
  TurnsThroughWaits();
  sink_.Report({"a"}, Verdict::kDelivered);
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
  Turns();
  sink_.ReportAll(Verdict::kDelivered);
  EXPECT_EQ(in_journal_when_woken, 0U);
  EXPECT_EQ(delivered_when_woken, 1U);
}

}  // namespace
}  // namespace ei::app
