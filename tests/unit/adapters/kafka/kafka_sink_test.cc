#include "adapters/kafka/kafka_sink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "support/loopback_kafka.h"
#include "support/recording_log.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"
#include "unit/adapters/kafka/lane_book.h"

namespace ei::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Strings = std::vector<std::string>;
using Record = support::SimBrokers::Record;

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// The sink on real sockets. How its parts handle failures is tested with each part.
class KafkaSinkTest : public testing::Test {
 protected:
  KafkaOptions Options() {
    KafkaOptions options;
    options.brokers = kafka_.Addresses();
    return options;
  }
  std::unique_ptr<KafkaSink> Open(const KafkaOptions& options) {
    auto created = KafkaSink::Create(options, clock_, log_, &telemetry_);
    if (!created) {
      ADD_FAILURE() << created.error().message;
      std::abort();
    }
    return std::move(*created);
  }
  std::unique_ptr<KafkaSink> Open() { return Open(Options()); }

  Strings Values(const std::string& topic) {
    Strings values;
    for (const Record& record : kafka_.Log(topic)) values.push_back(record.value);
    return values;
  }
  static std::string Header(const Record& record, std::string_view name) {
    for (const auto& [header, value] : record.headers) {
      if (header == name) return value;
    }
    return "(none)";
  }

  support::LoopbackKafka kafka_{3, {}, 2, {"events", "events-dlq", "orders", "orders-dlq"}, 3};
  support::RealClock clock_;
  support::RecordingLog log_;
  support::RecordingTelemetry telemetry_;
};

TEST_F(KafkaSinkTest, EachEventGoesToItsTopicAndItsReportHasItsOffset) {
  auto sink = Open();
  LaneBook book(*sink);
  Strings sent;
  for (int i = 0; i < 60; ++i) {
    sent.push_back("v" + std::to_string(i));
    book.Add({{sent.back(), "k" + std::to_string(i % 7), "", i % 3 == 0 ? "orders" : ""}});
    if (i % 10 == 9) {
      ASSERT_TRUE(book.Complete());
    }
  }
  EXPECT_EQ(book.Delivered(), 60U);
  for (size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(book[i].topic, i % 3 == 0 ? "orders" : "events");
    const auto log = kafka_.Log(book[i].topic, book[i].partition);
    ASSERT_LT(static_cast<size_t>(book[i].offset), log.size());
    EXPECT_EQ(log[static_cast<size_t>(book[i].offset)].value, sent[i]);
  }
  EXPECT_EQ(sink->Status().contact, Connectivity::kConnected);
  const auto brokers = sink->Brokers();
  EXPECT_FALSE(brokers.empty());
  uint64_t requests = 0;
  for (const auto& [name, counts] : brokers) requests += counts.requests;
  EXPECT_GT(requests, 0U);
}

TEST_F(KafkaSinkTest, AnEmptyKeyIsAKeyAndNoKeyIsNone) {
  auto sink = Open();
  LaneBook book(*sink);
  book.Add({{"empty", ""}, {"none", std::nullopt}});
  ASSERT_TRUE(book.Complete());
  for (const Record& record : kafka_.Log("events")) {
    EXPECT_EQ(record.key, record.value == "empty" ? std::optional<std::string>("") : std::nullopt);
  }
}

TEST_F(KafkaSinkTest, HeadersAreWrittenOnlyWhenARequestBroughtATrace) {
  auto sink = Open();
  LaneBook book(*sink);
  book.Add({{"plain", "k"}, {"traced", "k", kTrace}});
  ASSERT_TRUE(book.Complete());
  const auto log = kafka_.Log("events");
  ASSERT_EQ(log.size(), 2U);
  EXPECT_TRUE(log[0].headers.empty());
  EXPECT_EQ(Header(log[1], "traceparent"), kTrace);
  EXPECT_EQ(Header(log[1], "trace_id"), kTrace.substr(3, 32));
}

TEST_F(KafkaSinkTest, ADeadLetterIsTheRecordWithItsHeadersInTheDlqOfItsTopic) {
  KafkaOptions options = Options();
  options.topics = {{.name = "orders", .compression = {}, .dlq_topic = "orders-dlq"}};
  auto sink = Open(options);
  LaneBook book(*sink);
  book.AddDeadLetter({"o", "k", kTrace, "orders"}, {"invalid_record", "no key", 3, {}, "orders"});
  book.AddDeadLetter({"e", std::nullopt}, {"invalid_record", "", 1, {}, "events", "place-7"});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book.Delivered(), 2U);
  const auto orders = kafka_.Log("orders-dlq");
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].value, "o");
  EXPECT_EQ(orders[0].key, "k");
  EXPECT_EQ(Header(orders[0], "dlq_code"), "invalid_record");
  EXPECT_EQ(Header(orders[0], "dlq_reason"), "no key");
  EXPECT_EQ(Header(orders[0], "dlq_attempts"), "3");
  EXPECT_EQ(Header(orders[0], "dlq_topic"), "orders");
  EXPECT_EQ(Header(orders[0], "traceparent"), kTrace);
  const auto events = kafka_.Log("events-dlq");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].value, "") << "the value is stored elsewhere";
  EXPECT_EQ(Header(events[0], "dlq_reference"), "place-7");
}

TEST_F(KafkaSinkTest, TopicSettingsAreReplacedWhileTheSinkWorks) {
  auto sink = Open();
  LaneBook book(*sink);
  book.AddDeadLetter({"before", "k", "", "orders"}, {"invalid_record", "", 1, {}});
  ASSERT_TRUE(book.Complete());
  sink->UseTopics({{.name = "orders", .compression = {}, .dlq_topic = "orders-dlq"}});
  book.AddDeadLetter({"after", "k", "", "orders"}, {"invalid_record", "", 1, {}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(Values("events-dlq"), Strings{"before"});
  EXPECT_EQ(Values("orders-dlq"), Strings{"after"});
}

TEST_F(KafkaSinkTest, ATopicThatDoesNotComeMakesItsEventsUndeliverable) {
  KafkaOptions options = Options();
  options.unknown_topic_grace = milliseconds(50);
  auto sink = Open(options);
  LaneBook book(*sink);
  const size_t lost = book.Add({{"waits", "k", kTrace, "nowhere"}, {"goes", "k"}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[lost].code, "unknown_topic");
  EXPECT_EQ(book[lost].topic, "nowhere") << "for its dead letter";
  EXPECT_EQ(book[lost].value, "waits");
  EXPECT_EQ(book[lost].traceparent, kTrace);
  EXPECT_TRUE(book[lost + 1].delivered);
}

// These brokers don't report it.
TEST_F(KafkaSinkTest, TheLargestRecordOfItsTopicIsRequestedBeforeTheFirstEvent) {
  auto sink = Open();
  LaneBook book(*sink);
  EXPECT_TRUE(book.RunUntil(
      [&] { return log_.Count("max.message.bytes can't be read") > 0 && log_.Count("topic=events") > 0; }));
}

TEST_F(KafkaSinkTest, LanesShareKnowledgeOfTopicsAndNothingElse) {
  KafkaOptions options = Options();
  options.lanes = 2;
  auto sink = Open(options);
  LaneBook first(*sink, 0);
  LaneBook second(*sink, 1);
  first.Add({{"a", "k"}});
  second.Add({{"b", "k"}});
  ASSERT_TRUE(first.Complete());
  EXPECT_EQ(Values("events"), Strings{"a"});
  ASSERT_TRUE(second.Complete());
  EXPECT_EQ(Values("events"), (Strings{"a", "b"}));
}

TEST_F(KafkaSinkTest, WithoutAnyBrokerEventsStayAndTheEndIsQuick) {
  KafkaOptions options = Options();
  options.brokers = "127.0.0.1:1";
  auto sink = Open(options);
  LaneBook book(*sink);
  book.Add(std::vector<LaneBook::Outgoing>(1000, {"v", "k"}));
  book.AddDeadLetter({"v", "k"}, {"c", "r", 1, {}});
  EXPECT_TRUE(book.RunUntil([&] { return sink->Status().contact == Connectivity::kUnreachable; }));
  EXPECT_FALSE(book.Complete(milliseconds(100)));
  EXPECT_EQ(book.Delivered(), 0U);
  EXPECT_GT(telemetry_.Read().sink_faults["connection_failed"], 0U);
  const auto began = std::chrono::steady_clock::now();
  sink.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(5));
}

// The number of clock reads shows how often a lane runs a turn.
TEST_F(KafkaSinkTest, ALaneWithoutATokenSleepsUntilThereIsOne) {
  class CountingClock final : public ei::Clock {
   public:
    base::SteadyTime Now() const override {
      ++reads;
      return real_.Now();
    }
    base::WallTime WallNow() const override { return real_.WallNow(); }
    mutable std::atomic<int> reads{0};

   private:
    support::RealClock real_;
  };
  CountingClock clock;
  KafkaOptions options = Options();
  options.brokers = "127.0.0.1:1";
  options.security.protocol = "SASL_PLAINTEXT";
  options.security.mechanism = "OAUTHBEARER";
  class NoTokens final : public TokenSource {
    base::Result<AccessToken> Fetch() override { return base::Fail(base::ErrorKind::kUnavailable, "none"); }
  };
  options.security.tokens = std::make_shared<NoTokens>();
  auto created = KafkaSink::Create(options, clock, log_);
  ASSERT_TRUE(created) << created.error().message;
  LaneBook book(**created);
  book.Add({{"waits", "k"}});
  SinkLane& lane = (*created)->Lane(0);
  lane.Run(std::chrono::steady_clock::now() + milliseconds(200));
  EXPECT_LT(clock.reads, 100);
  EXPECT_EQ((*created)->Status().contact, Connectivity::kPending);
  ASSERT_TRUE(
      (*created)->OnToken({.value = "token", .expires_at = clock.WallNow() + seconds(60), .extensions = {}}));
  EXPECT_TRUE(book.RunUntil([&] { return (*created)->Status().contact != Connectivity::kPending; }))
      << "the token alone wakes the lane";
}

TEST_F(KafkaSinkTest, InvalidAddressesAreNamed) {
  for (const char* brokers : {"host:port", "host:", ":9092", "host:99999", "good:9092,:1"}) {
    KafkaOptions options = Options();
    options.brokers = brokers;
    auto refused = KafkaSink::Create(options, clock_, log_);
    ASSERT_FALSE(refused) << brokers;
    EXPECT_EQ(refused.error().kind, base::ErrorKind::kInvalid);
    EXPECT_NE(refused.error().message.find("KAFKA_BROKERS"), std::string::npos) << refused.error().message;
  }
}

}  // namespace
}  // namespace ei::kafka
