#include "ingest/ingest.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "journal/memory_journal.h"
#include "support/events.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"

namespace ei {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class IngestTest : public ::testing::Test {
 protected:
  struct Shape {
    double rate = 0;
    double burst = 1'000;
    uint64_t events_max = 100;
    uint64_t bytes_max = 1 << 20;
    uint64_t body_bytes_max = UINT64_MAX;
  };

  void Open(const Shape& shape) {
    bucket_ = std::make_unique<TokenBucket>(shape.rate, shape.burst);
    journal_ = std::make_unique<MemoryJournal>(MemoryJournal::Options{shape.events_max, shape.bytes_max, 1});
    journal_->OnLaneFilled([](size_t) {});
    Ingest::Options options;
    options.body_bytes_max = shape.body_bytes_max;
    ingest_ = std::make_unique<Ingest>(options, *bucket_, *journal_, drain_rate_, topic_limits_, clock_,
                                       telemetry_);
  }

  // Returns `count` valid events with the ids 0, 1, ..., each with its index in the request.
  std::vector<DecodedEvent> Valid(size_t count) {
    std::vector<DecodedEvent> events;
    for (size_t i = 0; i < count; ++i) {
      texts_.push_back(std::make_unique<std::string>(R"({"id":")" + std::to_string(i) + R"("})"));
      events.push_back(support::EventWithId(*texts_.back(), std::to_string(i)));
      events.back().index = static_cast<uint32_t>(i);
    }
    return events;
  }

  IngestResult Accept(const std::vector<DecodedEvent>& events, Handling handling = Handling::kLenient,
                      std::string_view traceparent = {}) {
    return ingest_->Accept(events, {.context = {.client = {}, .traceparent = traceparent}}, {}, handling,
                           AckLevel::kMemory, submission_);
  }

  IngestResult Admit(uint64_t body_bytes) const {
    return ingest_->Admit(AckLevel::kMemory, {}, body_bytes, clock_.Now());
  }

  uint64_t InJournal() const { return journal_->Stats().events; }

  // Every received event is either accepted or rejected.
  void TearDown() override {
    const auto counts = telemetry_.Read();
    EXPECT_EQ(counts.received, counts.accepted + counts.Rejected());
    EXPECT_EQ(counts.accepted, InJournal()) << "these tests remove no events from the journal";
  }

  support::VirtualClock clock_;
  support::RecordingTelemetry telemetry_;
  DrainRate drain_rate_;
  TopicLimits topic_limits_;
  std::unique_ptr<TokenBucket> bucket_;
  std::unique_ptr<MemoryJournal> journal_;
  std::unique_ptr<Ingest> ingest_;
  IngestContext submission_{1};
  std::vector<std::unique_ptr<std::string>> texts_;
};

TEST_F(IngestTest, InvalidEventsAreRejectedAndTheOthersAccepted) {
  Open({});
  auto events = Valid(4);
  events[1].type = {};
  events[2].fault = EventFault::kMalformedJson;
  events[2].id = {};
  events[2].line = 3;
  events[2].offset = 77;
  EXPECT_EQ(Accept(events).status, IngestStatus::kAccepted);
  EXPECT_EQ(submission_.batch.Size(), 2U);
  ASSERT_EQ(submission_.rejections.size(), 2U);
  EXPECT_EQ(submission_.rejections[0].index, 1U);
  EXPECT_EQ(submission_.rejections[0].fault, EventFault::kMissingType);
  EXPECT_EQ(submission_.rejections[0].raw_id, "1");
  EXPECT_EQ(submission_.rejections[1].index, 2U);
  EXPECT_EQ(submission_.rejections[1].line, 3U);
  EXPECT_EQ(submission_.rejections[1].offset, 77U);
  EXPECT_EQ(submission_.rejections[1].raw_id, "");
  EXPECT_EQ(InJournal(), 2U);
  EXPECT_EQ(telemetry_.Read().rejected,
            (std::map<std::string, uint64_t>{{"missing_type", 1}, {"malformed_json", 1}}));
}

TEST_F(IngestTest, StrictHandlingAcceptsNothingWithAnInvalidEvent) {
  Open({.rate = 1, .burst = 6});
  auto events = Valid(3);
  events[1].type = {};
  EXPECT_EQ(Accept(events, Handling::kStrict).status, IngestStatus::kAllRejected);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(submission_.rejections.size(), 1U);
  EXPECT_EQ(Accept(Valid(3), Handling::kStrict).status, IngestStatus::kAccepted);
  EXPECT_EQ(Accept(Valid(1), Handling::kStrict).status, IngestStatus::kRateLimited)
      << "events that are rejected took their tokens";
}

TEST_F(IngestTest, OnlyInvalidEventsAreAllRejected) {
  Open({});
  auto events = Valid(2);
  for (auto& event : events) event.type = {};
  for (const Handling handling : {Handling::kLenient, Handling::kStrict}) {
    EXPECT_EQ(Accept(events, handling).status, IngestStatus::kAllRejected);
    EXPECT_EQ(submission_.rejections.size(), 2U);
  }
  EXPECT_EQ(InJournal(), 0U);
}

TEST_F(IngestTest, NoEventsAtAllAreAllRejected) {
  Open({});
  EXPECT_EQ(Accept({}).status, IngestStatus::kAllRejected);
  EXPECT_TRUE(submission_.rejections.empty());
}

TEST_F(IngestTest, RateLimitedRequestConsumesNothing) {
  Open({.rate = 10, .burst = 5});
  ASSERT_EQ(Accept(Valid(4)).status, IngestStatus::kAccepted);
  const IngestResult rejected = Accept(Valid(3));
  EXPECT_EQ(rejected.status, IngestStatus::kRateLimited);
  EXPECT_EQ(rejected.retry_after, seconds(1)) << "200 ms, in whole seconds";
  EXPECT_EQ(InJournal(), 4U);
  EXPECT_EQ(telemetry_.Read().rejected.at("rate_limited"), 3U);
  EXPECT_EQ(Accept(Valid(1)).status, IngestStatus::kAccepted) << "the fifth token is still there";
  clock_.Advance(milliseconds(300));
  EXPECT_EQ(Accept(Valid(3)).status, IngestStatus::kAccepted);
}

TEST_F(IngestTest, EveryEventOfABatchTakesAToken) {
  Open({.rate = 1, .burst = 10});
  auto events = Valid(9);
  for (size_t i = 2; i < events.size(); ++i) events[i].type = {};
  ASSERT_EQ(Accept(events).status, IngestStatus::kAccepted);
  EXPECT_EQ(Accept(Valid(2)).status, IngestStatus::kRateLimited) << "invalid events took tokens too";
  EXPECT_EQ(Accept(Valid(1)).status, IngestStatus::kAccepted);
}

TEST_F(IngestTest, ADocumentThatCannotBeReadTakesTokensForTheEventsThatWereRead) {
  Open({.rate = 1, .burst = 10});
  EXPECT_EQ(ingest_->RejectDocument({}, 7).status, IngestStatus::kAllRejected);
  EXPECT_EQ(Accept(Valid(4)).status, IngestStatus::kRateLimited);
  EXPECT_EQ(Accept(Valid(3)).status, IngestStatus::kAccepted);
  EXPECT_EQ(Admit(0).status, IngestStatus::kRateLimited);
}

TEST_F(IngestTest, RetryAfterOfALargeDebtIsAsLongAsTheDebt) {
  Open({.rate = 1, .burst = 1});
  ASSERT_EQ(Accept(Valid(50)).status, IngestStatus::kAccepted);
  const IngestResult rejected = Accept(Valid(1));
  EXPECT_EQ(rejected.status, IngestStatus::kRateLimited);
  EXPECT_EQ(rejected.retry_after, seconds(50));
  const IngestResult unread = Admit(0);
  EXPECT_EQ(unread.status, IngestStatus::kRateLimited);
  EXPECT_EQ(unread.retry_after, seconds(50));
  clock_.Advance(seconds(50));
  EXPECT_EQ(Admit(0).status, IngestStatus::kAccepted);
}

// The bucket's answer is 1.000000001 s, as seven times a seventh of a second is rounded up.
TEST_F(IngestTest, AWaitThatIsSomeNanosecondsTooLongCostsNoSecond) {
  Open({.rate = 7, .burst = 8});
  for (int i = 0; i < 7; ++i) ASSERT_EQ(Accept(Valid(1)).status, IngestStatus::kAccepted);
  const IngestResult rejected = Accept(Valid(8));
  EXPECT_EQ(rejected.status, IngestStatus::kRateLimited);
  EXPECT_EQ(rejected.retry_after, seconds(1));
  EXPECT_FALSE(rejected.over_share);
  EXPECT_FALSE(rejected.over_own_rate);
}

TEST_F(IngestTest, FullJournalKeepsNothingOfTheRequest) {
  Open({.events_max = 10});
  const IngestResult accepted = Accept(Valid(8));
  ASSERT_EQ(accepted.status, IngestStatus::kAccepted);
  EXPECT_FALSE(accepted.over_share);
  const IngestResult rejected = Accept(Valid(3));
  EXPECT_EQ(rejected.status, IngestStatus::kJournalFull);
  EXPECT_FALSE(rejected.over_share);
  EXPECT_EQ(rejected.retry_after, seconds(30)) << "nothing drains";
  EXPECT_EQ(InJournal(), 8U);
  EXPECT_EQ(telemetry_.Read().rejected.at("journal_full"), 3U);
  EXPECT_EQ(Accept(Valid(2)).status, IngestStatus::kAccepted);
}

TEST_F(IngestTest, FullJournalSaysWhenToTryAgainByTheDrainRate) {
  Open({.events_max = 100});
  ASSERT_EQ(Accept(Valid(100)).status, IngestStatus::kAccepted);
  drain_rate_.Settled(10, clock_.Now());
  EXPECT_EQ(Accept(Valid(1)).retry_after, seconds(5)) << "half of 100 at 10 a second";
  EXPECT_EQ(Admit(0).retry_after, seconds(5));
}

TEST_F(IngestTest, BatchBeyondTheWholeJournalGetsItsOwnCode) {
  Open({.events_max = 10});
  const IngestResult rejected = Accept(Valid(11));
  EXPECT_EQ(rejected.status, IngestStatus::kBatchTooLarge);
  EXPECT_EQ(rejected.retry_after, seconds(0)) << "trying again won't help";
  EXPECT_EQ(telemetry_.Read().rejected.at("batch_too_large"), 11U);
}

TEST_F(IngestTest, AfterCloseEverythingIsRejected) {
  Open({});
  ASSERT_EQ(Accept(Valid(1)).status, IngestStatus::kAccepted);
  ingest_->Close();
  EXPECT_EQ(Admit(0).status, IngestStatus::kShuttingDown);
  EXPECT_GE(Admit(0).retry_after, seconds(1));
  const IngestResult rejected = Accept(Valid(2));
  EXPECT_EQ(rejected.status, IngestStatus::kShuttingDown);
  EXPECT_GE(rejected.retry_after, seconds(1));
  EXPECT_EQ(telemetry_.Read().rejected.at("shutting_down"), 2U);
  EXPECT_EQ(InJournal(), 1U);
}

TEST_F(IngestTest, ClosedJournalMeansShuttingDown) {
  Open({});
  journal_->Close();
  EXPECT_EQ(Accept(Valid(1)).status, IngestStatus::kShuttingDown);
}

TEST_F(IngestTest, AdmitTakesNothing) {
  Open({.rate = 1, .burst = 1, .events_max = 1});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Admit(1'000).status, IngestStatus::kAccepted);
  EXPECT_EQ(Accept(Valid(1)).status, IngestStatus::kAccepted);
}

TEST_F(IngestTest, AdmitRejectsOnceTheJournalWasFoundFull) {
  Open({.events_max = 2});
  ASSERT_EQ(Accept(Valid(2)).status, IngestStatus::kAccepted);
  ASSERT_EQ(Accept(Valid(1)).status, IngestStatus::kJournalFull);
  EXPECT_EQ(Admit(0).status, IngestStatus::kJournalFull);
  EXPECT_GE(Admit(0).retry_after, seconds(1));
}

TEST_F(IngestTest, MissingIdsAndTimesAreGeneratedPerEventAndPerRequest) {
  Open({});
  const std::string json = R"({"type":"t"})";
  DecodedEvent bare;
  bare.json = json;
  bare.type = support::StringMember("t");
  ASSERT_EQ(Accept({bare, bare}).status, IngestStatus::kAccepted);
  EXPECT_NE(submission_.batch.RawId(0), submission_.batch.RawId(1));
  EXPECT_EQ(submission_.batch.RawId(0).size(), 36U);
  std::vector<JournalEvent> taken(2);
  ASSERT_EQ(journal_->Take(0, taken), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(taken[i].value, R"({"id":")" + std::string(submission_.batch.RawId(i)) +
                                  R"(","timestamp":"2025-06-15T16:06:40.000Z","type":"t"})");
    EXPECT_EQ(taken[i].key, submission_.batch.RawId(i));
  }
}

TEST_F(IngestTest, RouteAndTraceparentReachTheJournal) {
  Open({});
  const Route route{.topic = "orders", .key_source = KeySource::kNone};
  auto events = Valid(1);
  events[0].route = &route;
  ASSERT_EQ(Accept(events, Handling::kLenient, "00-trace-01").status, IngestStatus::kAccepted);
  std::vector<JournalEvent> taken(1);
  ASSERT_EQ(journal_->Take(0, taken), 1U);
  EXPECT_FALSE(taken[0].has_key);
  EXPECT_EQ(taken[0].topic, "orders");
  EXPECT_EQ(taken[0].context.traceparent, "00-trace-01");
}

TEST_F(IngestTest, SubmissionIsReusedWithoutTraces) {
  Open({});
  auto events = Valid(3);
  events[0].type = {};
  ASSERT_EQ(Accept(events).status, IngestStatus::kAccepted);
  ASSERT_EQ(Accept(Valid(1)).status, IngestStatus::kAccepted);
  EXPECT_EQ(submission_.batch.Size(), 1U);
  EXPECT_TRUE(submission_.rejections.empty());
}

TEST_F(IngestTest, OnlyAnEventTooLargeForItsTopicIsRejected) {
  Open({});
  const std::string large(2000, '.');
  auto events = Valid(3);
  events[1].json = large;
  events[1].id = {};
  topic_limits_.Learn("", "events", 1000);
  ASSERT_EQ(Accept(events).status, IngestStatus::kAccepted);
  ASSERT_EQ(submission_.rejections.size(), 1U);
  EXPECT_EQ(submission_.rejections[0].index, 1U);
  EXPECT_EQ(submission_.rejections[0].fault, EventFault::kTooLargeForTopic);
  EXPECT_EQ(submission_.rejections[0].topic_limit.topic, "events");
  EXPECT_EQ(submission_.batch.RawId(0), "0");
  EXPECT_EQ(submission_.batch.RawId(1), "2");
  EXPECT_EQ(Accept(events, Handling::kStrict).status, IngestStatus::kAllRejected);
  topic_limits_.Learn("", "events", std::nullopt);
  EXPECT_EQ(Accept(events, Handling::kStrict).status, IngestStatus::kAccepted);
}

// With many events, a small body and a long key would expand to gigabytes.
TEST_F(IngestTest, TheHeadersKeyIsSummedOverAllEventsBeforeAnythingIsCopied) {
  const Route by_header{.topic = {}, .key_source = KeySource::kHeader};
  const std::string key(10'000, 'k');
  auto events = Valid(50);
  uint64_t bytes = 0;
  for (DecodedEvent& event : events) {
    event.route = &by_header;
    bytes += event.json.size() + key.size();
  }
  Open({.bytes_max = 8 << 20, .body_bytes_max = bytes});
  const auto accept = [&](const std::string& with) {
    return ingest_->Accept(events, {.key = with}, {}, Handling::kLenient, AckLevel::kMemory, submission_);
  };
  const IngestResult rejected = accept(key + "k");
  EXPECT_EQ(rejected.status, IngestStatus::kKeyTooLarge);
  EXPECT_EQ(rejected.retry_after, seconds(0)) << "trying again won't help";
  EXPECT_LT(submission_.batch.Bytes().capacity(), key.size()) << "nothing may be copied before the check";
  EXPECT_EQ(telemetry_.Read().rejected.at("batch_too_large"), 50U);
  EXPECT_EQ(accept(key).status, IngestStatus::kAccepted);
  for (DecodedEvent& event : events) event.route = &support::kById;
  EXPECT_EQ(accept(key + "k").status, IngestStatus::kAccepted) << "a key that no event uses does not count";
}

TEST_F(IngestTest, RejectionsHaveStableCodes) {
  Open({});
  EXPECT_EQ(Code(IngestStatus::kRateLimited), "rate_limited");
  EXPECT_EQ(Code(IngestStatus::kJournalFull), "journal_full");
  EXPECT_EQ(Code(IngestStatus::kBatchTooLarge), "batch_too_large");
  EXPECT_EQ(Code(IngestStatus::kShuttingDown), "shutting_down");
  EXPECT_EQ(Code(IngestStatus::kStorageFailed), "storage_failed");
  EXPECT_EQ(Code(IngestStatus::kAccepted), "");
  EXPECT_EQ(Code(IngestStatus::kAllRejected), "");
}

TEST_F(IngestTest, ThreadsWithASubmissionEachShareOneIngest) {
  Open({.rate = 1e6, .burst = 1'000, .events_max = 500});
  const auto events = Valid(3);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      IngestContext own(t);
      for (int i = 0; i < 300; ++i) {
        Admit(100);
        ingest_->Accept(events, {}, {}, Handling::kLenient, AckLevel::kMemory, own);
        clock_.Advance(std::chrono::microseconds(1));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(InJournal(), 500U);
  EXPECT_GE(InJournal(), 498U);
}

}  // namespace
}  // namespace ei
