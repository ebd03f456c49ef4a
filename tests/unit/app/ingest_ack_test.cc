// What a request is promised, and what its reply has to wait for.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "adapters/memory_journal/memory_journal.h"
#include "app/ingest.h"
#include "support/events.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"

namespace ei::app {
namespace {

using domain::AckLevel;

class WaitingRequest final : public Receipt {
 public:
  using Receipt::Receipt;
};

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
    ingest_ = std::make_unique<Ingest>(options, bucket_, journal_, receipts_, drain_rate_, topic_limits_,
                                       clock_, telemetry_);
  }

  IngestResult Accept(size_t count, AckLevel ack) {
    const std::vector<domain::DecodedEvent> events(count, support::EventWithId(kEvent, "a"));
    return ingest_->Accept(events, {}, Handling::kLenient, ack, submission_);
  }
  IngestStatus Admit(AckLevel ack) const { return ingest_->Admit(ack, 0, 0, clock_.Now()).status; }

  static constexpr std::string_view kEvent = R"({"id":"a"})";
  support::VirtualClock clock_;
  support::RecordingTelemetry telemetry_;
  DrainRate drain_rate_;
  TopicLimits topic_limits_;
  domain::TokenBucket bucket_{0, 1};
  memory_journal::MemoryJournal journal_{{.events_max = 100, .bytes_max = 1 << 20, .lanes = 1}};
  Receipts receipts_{10};
  size_t inbox_ = receipts_.AddInbox([] {});
  WaitingRequest request_{receipts_, inbox_};
  std::unique_ptr<Ingest> ingest_;
  Submission submission_{1};
};

TEST_F(IngestAckTest, WhoAsksForNothingGetsTheDefault) {
  Open(AckLevel::kBroker, AckLevel::kMemory, false);
  EXPECT_EQ(ingest_->LevelFor(std::nullopt), AckLevel::kBroker);
  EXPECT_EQ(ingest_->LevelFor(AckLevel::kMemory), AckLevel::kMemory);
}

TEST_F(IngestAckTest, LessThanTheLeastIsRaisedToIt) {
  Open(AckLevel::kBroker, AckLevel::kWal, true);
  EXPECT_EQ(ingest_->LevelFor(AckLevel::kMemory), AckLevel::kWal);
  EXPECT_EQ(ingest_->LevelFor(AckLevel::kWal), AckLevel::kWal);
  EXPECT_EQ(ingest_->LevelFor(AckLevel::kBroker), AckLevel::kBroker);
}

TEST_F(IngestAckTest, WalIsRefusedBeforeTheBodyWhereThereIsNoLog) {
  Open(AckLevel::kMemory, AckLevel::kMemory, false);
  EXPECT_EQ(Admit(AckLevel::kWal), IngestStatus::kAckUnavailable);
  EXPECT_EQ(Code(IngestStatus::kAckUnavailable), "ack_unavailable");
  EXPECT_EQ(Admit(AckLevel::kBroker), IngestStatus::kAccepted);
  Open(AckLevel::kBroker, AckLevel::kBroker, false);
  EXPECT_EQ(Admit(ingest_->LevelFor(AckLevel::kWal)), IngestStatus::kAccepted) << "it was raised to broker";
}

TEST_F(IngestAckTest, TheResultNamesTheEndOfTheEventsInTheJournal) {
  Open(AckLevel::kWal, AckLevel::kMemory, true);
  const IngestResult first = Accept(3, AckLevel::kWal);
  EXPECT_EQ(first.status, IngestStatus::kAccepted);
  EXPECT_EQ(first.ack, AckLevel::kWal);
  EXPECT_EQ(first.end, 3U);
  EXPECT_EQ(Accept(2, AckLevel::kMemory).end, 5U);
  EXPECT_FALSE(receipts_.Awaited());
}

TEST_F(IngestAckTest, AtLevelBrokerTheReceiptIsEntered) {
  Open(AckLevel::kBroker, AckLevel::kMemory, false);
  submission_.receipt = &request_;
  EXPECT_EQ(Accept(2, AckLevel::kBroker).ack, AckLevel::kBroker);
  EXPECT_TRUE(receipts_.Awaited());
  receipts_.Tell(std::vector<SettledEvent>{{0, {}}, {1, {}}});
  std::vector<Receipt*> finished;
  receipts_.Take(inbox_, finished);
  EXPECT_EQ(finished, std::vector<Receipt*>{&request_});
}

TEST_F(IngestAckTest, ARefusedRequestNeitherCountsNorWaits) {
  Open(AckLevel::kBroker, AckLevel::kMemory, false);
  journal_.Close();
  submission_.receipt = &request_;
  EXPECT_EQ(Accept(2, AckLevel::kBroker).status, IngestStatus::kShuttingDown);
  EXPECT_FALSE(receipts_.Awaited());
  EXPECT_EQ(telemetry_.Read().accepted, 0U);
}

TEST_F(IngestAckTest, TooManyThatWaitAreRefusedAtTheirLevelOnly) {
  Open(AckLevel::kBroker, AckLevel::kMemory, false);
  submission_.receipt = &request_;
  ASSERT_EQ(Accept(10, AckLevel::kBroker).status, IngestStatus::kAccepted);
  EXPECT_EQ(Admit(AckLevel::kBroker), IngestStatus::kJournalFull);
  EXPECT_EQ(Admit(AckLevel::kMemory), IngestStatus::kAccepted);
  WaitingRequest second(receipts_, inbox_);
  submission_.receipt = &second;
  EXPECT_EQ(Accept(1, AckLevel::kBroker).status, IngestStatus::kJournalFull);
  EXPECT_EQ(Accept(1, AckLevel::kMemory).status, IngestStatus::kAccepted);
}

}  // namespace
}  // namespace ei::app
