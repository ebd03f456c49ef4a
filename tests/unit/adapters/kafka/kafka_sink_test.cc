#include "adapters/kafka/kafka_sink.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "base/murmur2.h"
#include "support/events.h"
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
  const size_t lost = book.Add({{"waits", "k", kTrace, "nowhere", "alice"},
                                {"goes", "k"},
                                {"waits too", std::nullopt, "", "nowhere"}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[lost].code, "unknown_topic");
  EXPECT_EQ(book[lost].topic, "nowhere") << "for its dead letter";
  EXPECT_EQ(book[lost].value, "waits");
  EXPECT_EQ(book[lost].traceparent, kTrace);
  EXPECT_EQ(book[lost].client, "alice");
  EXPECT_EQ(book[lost].key, "k");
  EXPECT_EQ(book[lost].key_hash, base::Murmur2("k"));
  EXPECT_EQ(book[lost].attempts, 1U);
  EXPECT_TRUE(book[lost + 1].delivered);
  EXPECT_EQ(book[lost + 2].value, "waits too");
  EXPECT_EQ(book[lost + 2].key, std::nullopt);
  EXPECT_EQ(book[lost + 2].key_hash, 0U);
}

// On Linux, each connection of the sink is one of this process's files.
TEST_F(KafkaSinkTest, ConnectionsDontWaitForMoreAndNoticeAPeerThatIsGone) {
  auto sink = Open();
  LaneBook book(*sink);
  book.Add({{"a", "k"}});
  ASSERT_TRUE(book.Complete());
  size_t connections = 0;
  for (int file = 0; file < 1024; ++file) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(file, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET) {
      continue;
    }
    const std::string address = "127.0.0.1:" + std::to_string(ntohs(peer.sin_port));
    if ((kafka_.Addresses() + ",").find(address + ",") == std::string::npos) continue;
    ++connections;
    for (const auto& [level, option] : {std::pair(SOL_SOCKET, SO_KEEPALIVE), {IPPROTO_TCP, TCP_NODELAY}}) {
      int on = 0;
      socklen_t on_size = sizeof on;
      ASSERT_EQ(getsockopt(file, level, option, &on, &on_size), 0);
      EXPECT_EQ(on, 1) << level << ' ' << option;
    }
  }
  EXPECT_GE(connections, 1U);
}

TEST_F(KafkaSinkTest, ARefusedTokenIsLoggedAgainAfterANewOne) {
  auto sink = Open();
  const auto rejections = [this] { return log_.Count("the credentials are rejected"); };
  const base::Error refused{base::ErrorKind::kInvalid, "no such client"};
  sink->OnNoToken({base::ErrorKind::kUnavailable, "no answer"});
  EXPECT_EQ(rejections(), 0U);
  EXPECT_EQ(telemetry_.Read().sink_faults["token_unavailable"], 1U);
  sink->OnNoToken(refused);
  sink->OnNoToken(refused);
  EXPECT_EQ(rejections(), 1U);
  EXPECT_EQ(telemetry_.Read().sink_faults["token_refused"], 2U);
  EXPECT_EQ(sink->Status().contact, Connectivity::kRefused);
  ASSERT_TRUE(
      sink->OnToken({.value = "token", .expires_at = clock_.WallNow() + seconds(60), .extensions = {}}));
  sink->OnNoToken(refused);
  EXPECT_EQ(rejections(), 2U);
  sink->OnPassword("another");
  sink->OnNoToken(refused);
  EXPECT_EQ(rejections(), 3U);
}

TEST_F(KafkaSinkTest, SettingsOfTopicsAreLearned) {
  kafka_.SetConfigs("events", {{"max.message.bytes", "5000"}, {"min.insync.replicas", "2"}});
  kafka_.SetConfigs("orders", {{"cleanup.policy", "compact,delete"}, {"max.message.bytes", "7000"}});
  TopicLimits limits;
  auto created = KafkaSink::Create(Options(), clock_, log_, &telemetry_, &limits);
  ASSERT_TRUE(created) << created.error().message;
  LaneBook book(**created);
  book.Add({{"v", "k"}, {"v", "k", "", "orders"}});
  ASSERT_TRUE(book.Complete());
  ASSERT_TRUE(book.RunUntil([&] { return log_.Count("the largest record that a topic accepts") == 2; }));
  EXPECT_EQ(log_.Count("max_message_bytes=5000"), 1U);
  EXPECT_EQ(log_.Count("max_message_bytes=7000"), 1U);
  const auto broken = [&](std::string_view topic, size_t bytes) -> std::string {
    EventBatch batch;
    const Route route{.topic = std::string(topic), .key_source = KeySource::kNone};
    const std::string json = R"({"id":"1","v":")" + std::string(bytes, 'v') + "\"}";
    DecodedEvent event = support::EventWithId(json, "1");
    event.route = &route;
    batch.Add(event, {}, {}, {});
    const auto limit = limits.BrokenByLast(batch);
    return limit ? std::string(limit->topic) + ' ' + std::to_string(limit->bytes_max) : "";
  };
  EXPECT_EQ(broken("", 4'000), "");
  EXPECT_EQ(broken("", 6'000), "events 5000") << "the default topic";
  EXPECT_EQ(broken("events", 6'000), "events 5000");
  EXPECT_EQ(broken("orders", 6'000), "");
  EXPECT_EQ(broken("orders", 8'000), "orders 7000");
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
  for (const char* brokers : {"host:port", "host:", ":9092", "host:99999", "host:65536", "host:0",
                              "good:9092,:1", "host:9092x", "[]:9092", "good,,good"}) {
    KafkaOptions options = Options();
    options.brokers = brokers;
    auto refused = KafkaSink::Create(options, clock_, log_);
    ASSERT_FALSE(refused) << brokers;
    EXPECT_EQ(refused.error().kind, base::ErrorKind::kInvalid);
    EXPECT_NE(refused.error().message.find("KAFKA_BROKERS"), std::string::npos) << refused.error().message;
  }
  for (const char* brokers :
       {"host", "host:1", "host:65535", "[::1]:9092", "host,other:9092", "host:9092,"}) {
    KafkaOptions options = Options();
    options.brokers = brokers;
    EXPECT_TRUE(KafkaSink::Create(options, clock_, log_)) << brokers;
  }
}

}  // namespace
}  // namespace ei::kafka
