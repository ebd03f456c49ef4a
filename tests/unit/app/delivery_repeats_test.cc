// What the delivery worker tells the idempotency window, and when.

#include "app/ingest.h"
#include "unit/app/delivery_worker_fixture.h"

namespace ei::app {
namespace {

using domain::AckLevel;

class WaitingRequest final : public Receipt {
 public:
  using Receipt::Receipt;
};

class DeliveryRepeats : public DeliveryWorkerTest {
 protected:
  void SetUp() override {
    DeliveryWorkerTest::SetUp();
    window_ = &own_window_;
    Open();
  }

  // An event of level broker; its value names it.
  IngestStatus Send(const std::string& id, Receipt& receipt) {
    const std::string json = ValueOf(id);
    submission_.receipt = &receipt;
    return ingest_
        .Accept(std::vector{support::EventWithId(json, id)}, {}, Handling::kLenient, AckLevel::kBroker,
                submission_)
        .status;
  }
  static std::string ValueOf(const std::string& id) { return R"({"id":")" + id + R"("})"; }
  bool IsRepeat() const { return !submission_.repeats.empty(); }
  std::vector<Receipt*> Finished() {
    std::vector<Receipt*> finished;
    receipts_.Take(inbox_, finished);
    return finished;
  }

  IdempotencyWindow own_window_{{.ids = {.events_max = 100}, .key = {1, 2}}};
  domain::TokenBucket bucket_{0, 1};
  TopicLimits topic_limits_;
  Ingest ingest_{{},     bucket_,    journal_,    receipts_, drain_rate_, topic_limits_,
                 clock_, telemetry_, &own_window_};
  Submission submission_{1};
  size_t inbox_ = receipts_.AddInbox([] {});
  WaitingRequest first_{receipts_, inbox_};
  WaitingRequest again_{receipts_, inbox_};
};

TEST_F(DeliveryRepeats, ARepeatAfterTheDeliveryNeedsNotWait) {
  Send("a", first_);
  worker_->Turn();
  Send("a", again_);
  EXPECT_TRUE(again_.Entered()) << "it is not delivered yet";
  sink_.Deliver({ValueOf("a")});
  EXPECT_EQ(Finished().size(), 2U);
  Send("a", again_);
  EXPECT_TRUE(IsRepeat());
  EXPECT_FALSE(again_.Entered());
}

TEST_F(DeliveryRepeats, WhoRepeatsADeadLetterBeforeItStandsThereIsToldTheSame) {
  Send("a", first_);
  worker_->Turn();
  sink_.Reject(ValueOf("a"), "message_too_large");
  worker_->Turn();
  Send("a", again_);
  EXPECT_TRUE(IsRepeat());
  sink_.ReportLetter(ValueOf("a"), DeadLetterResult::kWritten);
  ASSERT_EQ(Finished().size(), 2U);
  EXPECT_EQ(again_.Fates().front().code, "message_too_large");
}

TEST_F(DeliveryRepeats, WhoRepeatsItAfterwardsMakesAnotherTry) {
  Send("a", first_);
  worker_->Turn();
  sink_.Reject(ValueOf("a"), "message_too_large");
  worker_->Turn();
  sink_.ReportLetter(ValueOf("a"), DeadLetterResult::kWritten);
  ASSERT_EQ(Finished().size(), 1U);
  Send("a", again_);
  EXPECT_FALSE(IsRepeat());
  worker_->Turn();
  sink_.Deliver({ValueOf("a")});
  ASSERT_EQ(Finished(), std::vector<Receipt*>{&again_});
  EXPECT_EQ(again_.Fates().front().code, "");
}

}  // namespace
}  // namespace ei::app
