// The ack level that a request is promised, and the wait of its reply.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "ingest/ingest.h"
#include "journal/memory_journal.h"
#include "support/durable_journal.h"
#include "support/event_settler.h"
#include "support/events.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"
#include "support/waiting_request.h"

namespace ei {
namespace {

class IngestAckTest : public ::testing::Test {
 protected:
  IngestAckTest() {
    journal_.OnLaneFilled([](size_t) {});
  }

  void Open(AckLevel ack, AckLevel ack_min, bool has_wal) {
    Ingest::Options options;
    options.ack = ack;
    options.ack_min = ack_min;
    options.has_wal = has_wal;
    ingest_ =
        std::make_unique<Ingest>(options, bucket_, journal_, drain_rate_, topic_limits_, clock_, telemetry_);
  }

  IngestResult Accept(size_t count, AckLevel ack) {
    const std::vector<DecodedEvent> events(count, support::EventWithId(kEvent, "a"));
    return ingest_->Accept(events, {}, {}, Handling::kLenient, ack, submission_);
  }
  IngestStatus Admit(AckLevel ack) const { return ingest_->Admit(ack, {}, 0, clock_.Now()).status; }

  static constexpr std::string_view kEvent = R"({"id":"a"})";
  support::VirtualClock clock_;
  support::RecordingTelemetry telemetry_;
  DrainRate drain_rate_;
  TopicLimits topic_limits_;
  TokenBucket bucket_{0, 1};
  MemoryJournal memory_{{.events_max = 100, .bytes_max = 1 << 20, .lanes = 1, .awaited_events_max = 10}};
  support::DurableJournal journal_{memory_};
  const std::shared_ptr<CompletionQueue> queue_ = std::make_shared<CompletionQueue>([] {});
  support::WaitingRequest request_{journal_, queue_};
  std::unique_ptr<Ingest> ingest_;
  IngestContext submission_{1};
};

TEST_F(IngestAckTest, ARequestWithoutALevelGetsTheDefault) {
  Open(AckLevel::kBroker, AckLevel::kMemory, false);
  EXPECT_EQ(ingest_->LevelFor(std::nullopt), AckLevel::kBroker);
  EXPECT_EQ(ingest_->LevelFor(AckLevel::kMemory), AckLevel::kMemory);
}

TEST_F(IngestAckTest, ALevelBelowTheMinimumIsRaisedToIt) {
  Open(AckLevel::kBroker, AckLevel::kWal, true);
  EXPECT_EQ(ingest_->LevelFor(AckLevel::kMemory), AckLevel::kWal);
  EXPECT_EQ(ingest_->LevelFor(AckLevel::kWal), AckLevel::kWal);
  EXPECT_EQ(ingest_->LevelFor(AckLevel::kBroker), AckLevel::kBroker);
}

TEST_F(IngestAckTest, WithoutALogTheLevelWalIsRejectedBeforeTheBody) {
  Open(AckLevel::kMemory, AckLevel::kMemory, false);
  EXPECT_EQ(Admit(AckLevel::kWal), IngestStatus::kAckUnavailable);
  EXPECT_EQ(Code(IngestStatus::kAckUnavailable), "ack_unavailable");
  EXPECT_EQ(Admit(AckLevel::kBroker), IngestStatus::kAccepted);
  Open(AckLevel::kBroker, AckLevel::kBroker, false);
  EXPECT_EQ(Admit(ingest_->LevelFor(AckLevel::kWal)), IngestStatus::kAccepted) << "it was raised to broker";
}

TEST_F(IngestAckTest, AtLevelMemoryTheRequestDoesNotWait) {
  Open(AckLevel::kWal, AckLevel::kMemory, true);
  submission_.waiter = &request_;
  EXPECT_EQ(Accept(2, AckLevel::kMemory).ack, AckLevel::kMemory);
  EXPECT_FALSE(request_.Waits());
}

TEST_F(IngestAckTest, AtLevelWalTheRequestWaitsForTheDurableEnd) {
  Open(AckLevel::kWal, AckLevel::kMemory, true);
  submission_.waiter = &request_;
  const IngestResult result = Accept(3, AckLevel::kWal);
  EXPECT_EQ(result.status, IngestStatus::kAccepted);
  EXPECT_EQ(result.ack, AckLevel::kWal);
  journal_.MoveDurableEnd(2);
  queue_->Collect();
  EXPECT_EQ(queue_->Next(), nullptr);
  journal_.MoveDurableEnd(3);
  queue_->Collect();
  EXPECT_EQ(queue_->Next(), &request_);
}

TEST_F(IngestAckTest, AtLevelBrokerTheRequestWaitsForTheDelivery) {
  Open(AckLevel::kBroker, AckLevel::kMemory, false);
  submission_.waiter = &request_;
  EXPECT_EQ(Accept(2, AckLevel::kBroker).ack, AckLevel::kBroker);
  EXPECT_TRUE(request_.Waits());
  support::EventSettler(journal_).Deliver({0, 1});
  queue_->Collect();
  EXPECT_EQ(queue_->Next(), &request_);
}

TEST_F(IngestAckTest, ARejectedRequestNeitherCountsNorWaits) {
  Open(AckLevel::kBroker, AckLevel::kMemory, false);
  journal_.Close();
  submission_.waiter = &request_;
  EXPECT_EQ(Accept(2, AckLevel::kBroker).status, IngestStatus::kShuttingDown);
  EXPECT_FALSE(request_.Waits());
  EXPECT_EQ(telemetry_.Read().accepted, 0U);
}

TEST_F(IngestAckTest, TooManyWaitingRequestsAreRejectedAtTheirLevelOnly) {
  Open(AckLevel::kBroker, AckLevel::kMemory, false);
  submission_.waiter = &request_;
  ASSERT_EQ(Accept(10, AckLevel::kBroker).status, IngestStatus::kAccepted);
  EXPECT_EQ(Admit(AckLevel::kBroker), IngestStatus::kJournalFull);
  EXPECT_EQ(Admit(AckLevel::kMemory), IngestStatus::kAccepted);
  support::WaitingRequest second(journal_, queue_);
  submission_.waiter = &second;
  EXPECT_EQ(Accept(1, AckLevel::kBroker).status, IngestStatus::kJournalFull);
  EXPECT_EQ(Accept(1, AckLevel::kMemory).status, IngestStatus::kAccepted);
}

}  // namespace
}  // namespace ei
