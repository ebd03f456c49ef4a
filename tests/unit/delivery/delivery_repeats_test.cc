// Repeats of events that are being delivered.

#include "ingest/ingest.h"
#include "support/waiting_request.h"
#include "unit/delivery/delivery_worker_fixture.h"

namespace ei {
namespace {

using Waiters = std::vector<Waiter*>;

class DeliveryRepeats : public DeliveryWorkerTest {
 protected:
  void SetUp() override {
    DeliveryWorkerTest::SetUp();
    Open();
  }

  // Sends an event of level broker; its value contains the id.
  IngestStatus Send(const std::string& id, Waiter& waiter) {
    const std::string json = ValueOf(id);
    submission_.waiter = &waiter;
    return ingest_
        .Accept(std::vector{support::EventWithId(json, id)}, {}, {}, Handling::kLenient, AckLevel::kBroker,
                submission_)
        .status;
  }
  static std::string ValueOf(const std::string& id) { return R"({"id":")" + id + R"("})"; }
  bool IsRepeat() const { return !submission_.dedup.repeats.empty(); }
  Waiters Completed() { return support::TakeCompleted(*queue_); }

  TokenBucket bucket_{0, 1};
  TopicLimits topic_limits_;
  Ingest ingest_{{}, bucket_, journal_, drain_rate_, topic_limits_, clock_, telemetry_, &window_};
  IngestContext submission_{1};
  const std::shared_ptr<CompletionQueue> queue_ = std::make_shared<CompletionQueue>([] {});
  support::WaitingRequest first_{journal_, queue_};
  support::WaitingRequest again_{journal_, queue_};
};

TEST_F(DeliveryRepeats, ARepeatAfterTheDeliveryNeedsNotWait) {
  Send("a", first_);
  worker_->Turn();
  Send("a", again_);
  EXPECT_TRUE(again_.Waits()) << "it is not delivered yet";
  sink_.Deliver({ValueOf("a")});
  EXPECT_EQ(Completed().size(), 2U);
  Send("a", again_);
  EXPECT_TRUE(IsRepeat());
  EXPECT_FALSE(again_.Waits());
}

TEST_F(DeliveryRepeats, ARepeatOfADeadLetterThatIsNotWrittenYetHasTheSameResult) {
  Send("a", first_);
  worker_->Turn();
  sink_.Reject(ValueOf("a"), "message_too_large");
  worker_->Turn();
  Send("a", again_);
  EXPECT_TRUE(IsRepeat());
  sink_.ReportDeadLetter(ValueOf("a"), DeadLetterResult::kWritten);
  ASSERT_EQ(Completed().size(), 2U);
  EXPECT_EQ(again_.Results().front().code, "message_too_large");
}

TEST_F(DeliveryRepeats, ARepeatOfAWrittenDeadLetterIsANewAttempt) {
  Send("a", first_);
  worker_->Turn();
  sink_.Reject(ValueOf("a"), "message_too_large");
  worker_->Turn();
  sink_.ReportDeadLetter(ValueOf("a"), DeadLetterResult::kWritten);
  ASSERT_EQ(Completed().size(), 1U);
  Send("a", again_);
  EXPECT_FALSE(IsRepeat());
  worker_->Turn();
  sink_.Deliver({ValueOf("a")});
  ASSERT_EQ(Completed(), Waiters{&again_});
  EXPECT_EQ(again_.Results().front().code, "");
}

}  // namespace
}  // namespace ei
