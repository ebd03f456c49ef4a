// New certificates take a new producer: what becomes of the old one's records.

#include <gtest/gtest.h>

#include "adapters/kafka/kafka_sink.h"
#include "support/recording_log.h"
#include "support/recording_telemetry.h"
#include "unit/adapters/http/http_client.h"
#include "unit/adapters/kafka/mock_cluster.h"
#include "unit/adapters/kafka/report_book.h"

namespace ei::kafka {
namespace {

using app::Verdict;
using http::Eventually;
using namespace std::chrono_literals;

class KafkaSinkCredentials : public testing::Test {
 protected:
  std::unique_ptr<KafkaSink> Open() {
    KafkaOptions options;
    options.brokers = cluster_.Brokers();
    options.properties = {{"reconnect.backoff.ms", "10"}, {"reconnect.backoff.max.ms", "100"}};
    auto created = KafkaSink::Create(options, log_, &telemetry_);
    if (!created) {
      ADD_FAILURE() << created.error().message;
      std::abort();
    }
    return std::move(*created);
  }

  static bool Reached(const KafkaSink& sink) { return sink.Status().contact == app::Contact::kReached; }

  // One event, sent until it is delivered, as a worker does. Returns how often that took.
  static int Deliver(ReportBook& book, const std::string& value) {
    for (int tries = 1;; ++tries) {
      const size_t token = book.Send({{value, "k"}});
      if (!book.Complete()) return 0;
      if (book[token].verdict == Verdict::kDelivered) return tries;
    }
  }

  std::vector<std::string> Stored() const {
    std::vector<std::string> values;
    for (const StoredRecord& record : cluster_.Read("events")) values.push_back(record.value);
    return values;
  }

  MockCluster cluster_{1};
  support::RecordingLog log_;
  support::RecordingTelemetry telemetry_;
};

TEST_F(KafkaSinkCredentials, TheOldProducerFinishesBeforeTheNewOneBegins) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  ASSERT_EQ(Deliver(book, "first"), 1);
  cluster_.AnswerAfter(500ms);
  const size_t under_way = book.Send({{"under way", "k"}});
  ASSERT_TRUE(sink->OnCertificates());
  const size_t early = book.Send({{"early", "k"}});
  EXPECT_EQ(book[early].verdict, Verdict::kTransient) << "it would be on its way beside the other";
  EXPECT_EQ(book[under_way].reports, 0);
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[under_way].verdict, Verdict::kDelivered);
  cluster_.AnswerAfter(0ms);
  EXPECT_GE(Deliver(book, "second"), 2) << "a lane's first Send after the change fails as a whole";
  EXPECT_EQ(Deliver(book, "third"), 1);
  EXPECT_EQ(Stored(), (std::vector<std::string>{"first", "under way", "second", "third"}));
}

TEST_F(KafkaSinkCredentials, AnIdleProducerIsReplacedWithoutAnySend) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  ASSERT_EQ(Deliver(book, "first"), 1);
  ASSERT_TRUE(sink->OnCertificates());
  sink->OnRound();
  EXPECT_GE(Deliver(book, "second"), 2);
  EXPECT_EQ(Stored(), (std::vector<std::string>{"first", "second"}));
}

TEST_F(KafkaSinkCredentials, AProducerThatNeverReachedABrokerGivesItsRecordsBackAtOnce) {
  cluster_.GoDown();
  auto sink = Open();
  ReportBook book(*sink, 0);
  const size_t token = book.Send({{"waits", "k"}});
  ASSERT_TRUE(sink->OnCertificates());
  sink->OnRound();
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[token].verdict, Verdict::kTransient);
  cluster_.ComeUp();
  EXPECT_GE(Deliver(book, "waits"), 1);
  EXPECT_TRUE(Reached(*sink));
  EXPECT_EQ(Stored(), std::vector<std::string>{"waits"});
}

TEST_F(KafkaSinkCredentials, AProducerThatCannotFinishIsWaitedForSomeRounds) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  ASSERT_EQ(Deliver(book, "first"), 1);
  cluster_.GoDown();
  const size_t token = book.Send({{"stuck", "k"}});
  ASSERT_TRUE(sink->OnCertificates());
  for (int i = 0; i < 5; ++i) sink->OnRound();
  EXPECT_EQ(book[token].reports, 0);
  sink->OnRound();
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[token].verdict, Verdict::kTransient);
  EXPECT_TRUE(Reached(*sink)) << "the first contact stays";
  cluster_.ComeUp();
  EXPECT_GE(Deliver(book, "stuck"), 1);
}

TEST_F(KafkaSinkCredentials, TheProducerForLoneRecordsIsReplacedToo) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  book.SendDeadLetter({"one", "k"}, {"code", "", 1, {}});
  ASSERT_TRUE(book.Complete());
  ASSERT_TRUE(sink->OnCertificates());
  const size_t letter = book.SendDeadLetter({"two", "k"}, {"code", "", 1, {}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[letter].verdict, Verdict::kDelivered) << "an idle one gives way to the first Send";
  EXPECT_EQ(cluster_.Read("events-dlq").size(), 2U);
}

TEST_F(KafkaSinkCredentials, ASourceThatRefusesIsToldOnceAndCountedEachTime) {
  cluster_.GoDown();
  auto sink = Open();
  ReportBook book(*sink, 0);
  EXPECT_FALSE(sink->Status().refused);
  for (int i = 0; i < 3; ++i) sink->OnNoToken({base::ErrorKind::kInvalid, "the token endpoint refuses"});
  EXPECT_EQ(sink->Status().contact, app::Contact::kRefused);
  EXPECT_EQ(log_.Count("the credentials are refused"), 1U);
  EXPECT_EQ(telemetry_.Read().sink_faults["token_refused"], 3U);
  cluster_.ComeUp();
  EXPECT_TRUE(Eventually([&] { return !sink->Status().refused; })) << "a broker let it in all the same";
  EXPECT_TRUE(Reached(*sink));
}

TEST_F(KafkaSinkCredentials, ASourceThatIsAwayIsNoRefusal) {
  cluster_.GoDown();
  auto sink = Open();
  ReportBook book(*sink, 0);
  sink->OnNoToken({base::ErrorKind::kUnavailable, "away"});
  EXPECT_EQ(sink->Status().contact, app::Contact::kUnreachable);
  EXPECT_EQ(telemetry_.Read().sink_faults["token_unavailable"], 1U);
}

}  // namespace
}  // namespace ei::kafka
