#include "adapters/kafka/kafka_sink.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "domain/timestamp.h"
#include "support/null_log.h"
#include "unit/adapters/http/http_client.h"
#include "unit/adapters/kafka/mock_cluster.h"
#include "unit/adapters/kafka/report_book.h"

namespace ei::kafka {
namespace {

using app::Grouping;
using app::Verdict;
using namespace std::chrono_literals;

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class KafkaSinkTest : public testing::Test {
 protected:
  KafkaOptions Options() const {
    KafkaOptions options;
    options.brokers = cluster_.Brokers();
    options.lanes = 2;
    options.properties = {{"retry.backoff.ms", "10"},
                          {"reconnect.backoff.ms", "10"},
                          {"reconnect.backoff.max.ms", "100"},
                          {"topic.metadata.refresh.fast.interval.ms", "10"}};
    return options;
  }

  std::unique_ptr<KafkaSink> Open(const KafkaOptions& options) {
    auto created = KafkaSink::Create(options, log_);
    if (!created) {
      ADD_FAILURE() << created.error().message;
      std::abort();
    }
    return std::move(*created);
  }

  static std::vector<ReportBook::Outgoing> Events(size_t count, const std::string& key = "k") {
    std::vector<ReportBook::Outgoing> events;
    for (size_t i = 0; i < count; ++i) events.push_back({"{\"n\":" + std::to_string(i) + "}", key});
    return events;
  }

  std::vector<std::string> StoredValues(const std::string& topic = "events") const {
    std::vector<std::string> values;
    for (const StoredRecord& record : cluster_.Read(topic)) values.push_back(record.value);
    return values;
  }

  MockCluster cluster_;
  support::NullLog log_;
};

TEST_F(KafkaSinkTest, RecordsLieWhereTheJavaClientWouldPutThem) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  std::vector<ReportBook::Outgoing> events;
  for (int i = 0; i < 200; ++i) events.push_back({"{}", "key-" + std::to_string(i * i)});
  events.push_back({"{}", ""});
  events.push_back({"{}", "\xf0\x9f\x98\x80"});
  book.Send(events);
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book.Count(Verdict::kDelivered), events.size());
  const auto stored = cluster_.Read("events");
  ASSERT_EQ(stored.size(), events.size());
  for (const StoredRecord& record : stored) {
    ASSERT_TRUE(record.key.has_value());
    EXPECT_EQ(record.partition, static_cast<int32_t>((base::Murmur2(*record.key) & 0x7fffffff) %
                                                     static_cast<uint32_t>(cluster_.Partitions())))
        << *record.key;
  }
}

TEST_F(KafkaSinkTest, AnEmptyKeyIsAKeyAndNoKeyIsNone) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  book.Send({{"empty", ""}, {"none", std::nullopt}});
  book.Send({{"empty-traced", "", kTrace}, {"none-traced", std::nullopt, kTrace}});
  ASSERT_TRUE(book.Complete());
  std::map<std::string, bool> has_key;
  for (const StoredRecord& record : cluster_.Read("events")) has_key[record.value] = record.key.has_value();
  EXPECT_EQ(has_key, (std::map<std::string, bool>{
                         {"empty", true}, {"none", false}, {"empty-traced", true}, {"none-traced", false}}));
}

TEST_F(KafkaSinkTest, HeadersAreWrittenOnlyWhenARequestBroughtATrace) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  book.Send({{"0", "k"}, {"1", "k", kTrace}, {"2", "k"}, {"3", "k", kTrace}, {"4", "k", kTrace}, {"5", "k"}});
  ASSERT_TRUE(book.Complete());
  const auto stored = cluster_.Read("events");
  ASSERT_EQ(stored.size(), 6U);
  for (size_t i = 0; i < stored.size(); ++i) {
    EXPECT_EQ(stored[i].value, std::to_string(i)) << "the order of one key";
    using Headers = std::vector<std::pair<std::string, std::string>>;
    const bool traced = i == 1 || i == 3 || i == 4;
    EXPECT_EQ(stored[i].headers,
              traced ? Headers({{"trace_id", "0af7651916cd43dd8448eb211c80319c"}, {"traceparent", kTrace}})
                     : Headers());
  }
}

TEST_F(KafkaSinkTest, ADeadLetterIsTheRecordWithItsStory) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  const base::WallTime failed_at(std::chrono::seconds(1'750'000'000));
  const std::string when(domain::View(domain::FormatTimestamp(failed_at)));
  book.SendDeadLetter({"{\"a\":1}", "k"}, {"message_too_large", "because", 4, failed_at, "events"});
  book.SendDeadLetter({"{\"b\":1}", std::nullopt, kTrace}, {"invalid_record", "", 1, failed_at});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book.Count(Verdict::kDelivered), 2U);
  auto letters = cluster_.Read("events-dlq");
  ASSERT_EQ(letters.size(), 2U);
  if (letters[0].value != "{\"a\":1}") std::swap(letters[0], letters[1]);
  using Headers = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(letters[0].key, "k");
  EXPECT_EQ(letters[0].headers, Headers({{"dlq_code", "message_too_large"},
                                         {"dlq_reason", "because"},
                                         {"dlq_attempts", "4"},
                                         {"dlq_topic", "events"},
                                         {"dlq_failed_at", when}}));
  EXPECT_EQ(letters[1].key, std::nullopt);
  EXPECT_EQ(letters[1].Header("dlq_reason"), "");
  EXPECT_EQ(letters[1].Header("trace_id"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(letters[1].Header("traceparent"), kTrace);
  EXPECT_TRUE(cluster_.Read("events").empty());
}

TEST_F(KafkaSinkTest, AReferenceIsTheLetterWithoutItsValue) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  book.SendDeadLetter({"{\"a\":1}", "k", kTrace}, {"message_too_large", "", 4, {}, "events", "file:12"});
  ASSERT_TRUE(book.Complete());
  const auto letters = cluster_.Read("events-dlq");
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].value, "");
  EXPECT_EQ(letters[0].key, "k");
  EXPECT_EQ(letters[0].Header("dlq_reference"), "file:12");
  EXPECT_EQ(letters[0].Header("dlq_code"), "message_too_large");
  EXPECT_EQ(letters[0].Header("traceparent"), kTrace);
}

// Whatever refuses a letter, so that it has to go elsewhere; an outage is none of these.
TEST_F(KafkaSinkTest, ADeadLetterTopicThatRefusesIsToldFromOneThatIsAway) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  const app::DeadLetterNote note{"c", "r", 1, {}, "events"};
  cluster_.AnswerNext(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  const size_t large = book.SendDeadLetter({"v", "k"}, note);
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[large].verdict, Verdict::kEventInvalid);
  for (const auto error : {RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED}) {
    cluster_.AnswerNext(MockCluster::kProduce, {error});
    const size_t refused = book.SendDeadLetter({"v", "k"}, note);
    ASSERT_TRUE(book.Complete());
    EXPECT_EQ(book[refused].verdict, Verdict::kEventRefused) << error;
  }
  const auto taken = [&] {
    const size_t letter = book.SendDeadLetter({"v", "k"}, note);
    return book.Complete() && book[letter].verdict == Verdict::kDelivered;
  };
  EXPECT_TRUE(http::Eventually(taken)) << "once librdkafka has asked for the topic again";
}

TEST_F(KafkaSinkTest, ADeadLetterTopicThatDoesNotExistRefuses) {
  KafkaOptions options = Options();
  options.dlq_topic = "nowhere";
  options.properties.emplace_back("topic.metadata.propagation.max.ms", "10");
  options.properties.emplace_back("allow.auto.create.topics", "false");
  cluster_.SayOfTopic("nowhere", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  auto sink = Open(options);
  ReportBook book(*sink, 0);
  const size_t letter = book.SendDeadLetter({"v", "k"}, {"c", "r", 1, {}, "events"});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[letter].verdict, Verdict::kEventRefused);
  EXPECT_EQ(book[letter].code, "unknown_topic");
}

TEST_F(KafkaSinkTest, ARefusedRequestPutsAllOfItUnderSuspicion) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  cluster_.AnswerNext(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  book.Send(Events(20));
  ASSERT_TRUE(book.Complete());
  book.ExpectOneReportEach();
  const size_t refused = book.Count(Verdict::kEventRefused);
  EXPECT_GE(refused, 1U);
  EXPECT_EQ(refused + book.Count(Verdict::kDelivered), 20U);
  EXPECT_EQ(book[0].code, "message_too_large");
  EXPECT_FALSE(book[0].reason.empty());
}

// The limit of a topic is found in steps, while smaller batches for other partitions are on their way.
TEST_F(KafkaSinkTest, SmallerBatchesDoNotTakeBackWhatIsInFlight) {
  MockCluster cluster(/*partitions=*/2, /*brokers=*/2);
  cluster.MoveLeader("events", 0, 1);
  cluster.MoveLeader("events", 1, 2);
  KafkaOptions options = Options();
  options.brokers = cluster.Brokers();
  auto sink = Open(options);
  ReportBook book(*sink, 0);
  const auto batch = [](int partition, size_t count, size_t size, bool placed) {
    std::string key = "a";
    while ((base::Murmur2(key) & 1) != static_cast<uint32_t>(partition)) ++key[0];
    return std::vector<ReportBook::Outgoing>(count,
                                             {.value = std::string(size, 'x'), .key = key, .placed = placed});
  };
  const auto deliver = [&](int partition) {
    return http::Eventually([&] {
      const size_t token = book.Send(batch(partition, 1, 10, true));
      return book.Complete() && book[token].verdict == Verdict::kDelivered;
    });
  };
  ASSERT_TRUE(deliver(0) && deliver(1)) << "the partitions are known then";
  cluster.AnswerNextAfter(MockCluster::kProduce, 1, 0ms, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  book.Send(batch(0, 50, 1000, true));
  ASSERT_TRUE(book.Complete());
  ASSERT_EQ(book.Count(Verdict::kEventRefused), 50U);
  ASSERT_TRUE(deliver(0) && deliver(1)) << "the topic is limited now";

  cluster.AnswerNextAfter(MockCluster::kProduce, 1, 1s, RD_KAFKA_RESP_ERR_NO_ERROR, /*broker=*/2);
  const size_t in_flight = book.Send(batch(1, 2, 10, true));
  cluster.AnswerNextAfter(MockCluster::kProduce, 1, 300ms, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  const size_t refused = book.Send(batch(0, 4, 1000, /*placed=*/false));
  ASSERT_TRUE(book.Complete());
  for (size_t i = in_flight; i < refused; ++i)
    EXPECT_EQ(book[i].verdict, Verdict::kDelivered) << book[i].reason;
  EXPECT_EQ(book[refused].verdict, Verdict::kEventRefused);
  EXPECT_TRUE(deliver(0)) << "in smaller batches";
}

TEST_F(KafkaSinkTest, AloneEachRecordHasARequestOfItsOwn) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  book.Send(Events(1), Grouping::kAlone);
  ASSERT_TRUE(book.Complete());
  cluster_.AnswerNext(MockCluster::kProduce,
                      {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                       RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_INVALID_RECORD});
  for (int i = 0; i < 4; ++i) {
    book.Send(Events(1), Grouping::kAlone);
    ASSERT_TRUE(book.Complete());
  }
  EXPECT_EQ(book[1].verdict, Verdict::kDelivered);
  EXPECT_EQ(book[2].verdict, Verdict::kEventInvalid);
  EXPECT_EQ(book[2].code, "message_too_large");
  EXPECT_EQ(book[3].verdict, Verdict::kDelivered);
  EXPECT_EQ(book[4].verdict, Verdict::kEventRefused);
  EXPECT_EQ(book[4].code, "invalid_record");

  // Many at once, one refused: it is one.
  cluster_.AnswerNext(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  book.Send(Events(30), Grouping::kAlone);
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book.Count(Verdict::kEventInvalid), 2U);
  EXPECT_EQ(book.Count(Verdict::kDelivered), 32U);
  book.ExpectOneReportEach();
}

TEST_F(KafkaSinkTest, WhatTheClientItselfRefusesIsReportedWithinSend) {
  KafkaOptions options = Options();
  options.properties.emplace_back("message.max.bytes", "2000");
  auto sink = Open(options);
  ReportBook book(*sink, 0);
  const std::string large(3000, 'x');
  book.Send({{"a", "k"}, {large, "k"}, {"b", "k"}, {large, "k", kTrace}, {"c", "k", kTrace}});
  EXPECT_GE(book.Reported(), 2U);
  book.Send({{large, "k"}}, Grouping::kAlone);
  book.SendDeadLetter({large, "k"}, {"message_too_large", "", 1, {}});
  ASSERT_TRUE(book.Complete());
  book.ExpectOneReportEach();
  EXPECT_EQ(book[1].verdict, Verdict::kEventRefused);
  EXPECT_EQ(book[3].verdict, Verdict::kEventRefused);
  EXPECT_EQ(book[5].verdict, Verdict::kEventInvalid);
  EXPECT_EQ(book[6].verdict, Verdict::kEventInvalid);
  EXPECT_EQ(StoredValues(), (std::vector<std::string>{"a", "b", "c"}));
}

// A key may be nearly as long as its event; the client must not refuse what only a broker may refuse.
TEST_F(KafkaSinkTest, TheLargestEventWithAKeyAsLargeIsHandedOver) {
  KafkaOptions options = Options();
  options.event_bytes_max = 100'000;
  auto sink = Open(options);
  ReportBook book(*sink, 0);
  book.Send({{std::string(100'000, 'v'), std::string(99'000, 'k'), kTrace}});
  book.SendDeadLetter({std::string(100'000, 'v'), std::string(99'000, 'k'), kTrace}, {"c", "r", 1, {}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book.Count(Verdict::kDelivered), 2U);
}

TEST_F(KafkaSinkTest, BrokerTroubleIsRiddenOutWithoutAReport) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  cluster_.AnswerNext(MockCluster::kProduce,
                      {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                       RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
                       RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART});
  std::vector<std::string> sent;
  for (int i = 0; i < 10; ++i) {
    const auto events = Events(20);
    for (const auto& event : events) sent.push_back(event.value);
    book.Send(events);
  }
  ASSERT_TRUE(book.Complete());
  book.ExpectOneReportEach();
  EXPECT_EQ(book.Count(Verdict::kDelivered), 200U);
  EXPECT_EQ(StoredValues(), sent);
}

// A broker that calls a record a repeat makes the client report success without an offset. Nothing proves
// that the record stands in the log; here it doesn't.
TEST_F(KafkaSinkTest, SuccessWithoutAnOffsetIsNotBelieved) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  book.Send({{"first", "k"}});
  ASSERT_TRUE(book.Complete());
  cluster_.AnswerNext(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER});
  book.Send({{"second", "k"}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[1].verdict, Verdict::kTransient);
  EXPECT_EQ(book[1].code, "delivery_not_proven");
  EXPECT_EQ(StoredValues(), (std::vector<std::string>{"first"}));
}

TEST_F(KafkaSinkTest, EventsWaitForABrokerThatIsDownAndKeepTheirOrder) {
  auto sink = Open(Options());
  ReportBook book(*sink, 0);
  book.Send({{"first", "k"}});
  ASSERT_TRUE(book.Complete());
  cluster_.GoDown();
  std::vector<std::string> expected = {"first"};
  for (int i = 0; i < 500; ++i) {
    expected.push_back(std::to_string(i));
    book.Send({{expected.back(), "k"}});
  }
  EXPECT_FALSE(book.Complete(1s));
  EXPECT_EQ(book.Reported(), 1U);
  cluster_.ComeUp();
  ASSERT_TRUE(book.Complete());
  book.ExpectOneReportEach();
  EXPECT_EQ(book.Count(Verdict::kDelivered), 501U);
  EXPECT_EQ(StoredValues(), expected);
}

TEST_F(KafkaSinkTest, ATopicThatIsUnknownIsReportedAsThat) {
  KafkaOptions options = Options();
  options.properties.emplace_back("topic.metadata.propagation.max.ms", "50");
  options.properties.emplace_back("topic.metadata.refresh.fast.interval.ms", "20");
  cluster_.SayOfTopic("events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  auto sink = Open(options);
  ReportBook book(*sink, 0);
  book.Send(Events(3));
  ASSERT_TRUE(book.Complete());
  book.ExpectOneReportEach();
  EXPECT_EQ(book.Count(Verdict::kUnknownTopic), 3U);
  EXPECT_EQ(book[0].code, "unknown_topic");
}

TEST_F(KafkaSinkTest, FlushSendsWhatLingers) {
  KafkaOptions options = Options();
  options.properties.emplace_back("linger.ms", "60000");
  auto sink = Open(options);
  ReportBook book(*sink, 0);
  book.Send(Events(3));
  EXPECT_FALSE(book.Complete(1s));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (book.Reported() < 3 && std::chrono::steady_clock::now() < deadline) sink->Flush();
  EXPECT_EQ(book.Count(Verdict::kDelivered), 3U);
}

TEST_F(KafkaSinkTest, ReportsByTheThousandGoToTheirLane) {
  auto sink = Open(Options());
  ReportBook first(*sink, 0);
  ReportBook second(*sink, 1);
  for (int i = 0; i < 5; ++i) {
    first.Send(Events(5000, "a"));
    second.Send(Events(3000, "b"));
  }
  ASSERT_TRUE(first.Complete());
  ASSERT_TRUE(second.Complete());
  first.ExpectOneReportEach();
  second.ExpectOneReportEach();
  EXPECT_EQ(first.Count(Verdict::kDelivered), 25'000U);
  EXPECT_EQ(second.Count(Verdict::kDelivered), 15'000U);
}

TEST_F(KafkaSinkTest, ItsEndGivesBackWhatIsInFlight) {
  auto sink = Open(Options());
  ReportBook together(*sink, 0);
  ReportBook alone(*sink, 1);
  together.Send(Events(1));
  alone.Send(Events(1), Grouping::kAlone);
  ASSERT_TRUE(together.Complete());
  ASSERT_TRUE(alone.Complete());
  cluster_.AnswerAfter(60s);
  together.Send(Events(2000));
  alone.Send(Events(20), Grouping::kAlone);
  alone.SendDeadLetter({"v", "k"}, {"c", "r", 1, {}});
  const auto began = std::chrono::steady_clock::now();
  sink.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  for (const ReportBook* book : {&together, &alone}) {
    EXPECT_EQ(book->Reported(), book->Size());
    book->ExpectOneReportEach();
    EXPECT_EQ(book->Count(Verdict::kDelivered), 1U);
    EXPECT_EQ(book->Count(Verdict::kTransient), book->Size() - 1);
  }
  EXPECT_EQ(together[1].code, "taken_back");
}

TEST_F(KafkaSinkTest, WithoutAnyBrokerItTakesEventsAndGivesThemBackAtItsEnd) {
  KafkaOptions options = Options();
  options.brokers = "127.0.0.1:1";
  auto sink = Open(options);
  ReportBook book(*sink, 0);
  book.Send(Events(1000));
  book.SendDeadLetter({"v", "k"}, {"c", "r", 1, {}});
  EXPECT_FALSE(book.Complete(1s));
  const auto began = std::chrono::steady_clock::now();
  sink.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_EQ(book.Count(Verdict::kTransient), 1001U);
  book.ExpectOneReportEach();
}

TEST_F(KafkaSinkTest, TheProducersQueueIsNeverTheLimitThatIsMet) {
  KafkaOptions options = Options();
  options.brokers = "127.0.0.1:1";
  options.inflight_events_max = 5000;
  auto sink = Open(options);
  ReportBook book(*sink, 0);
  for (int i = 0; i < 10; ++i) book.Send(Events(500));
  EXPECT_EQ(book.Reported(), 0U);
  sink.reset();
  EXPECT_EQ(book.Count(Verdict::kTransient), 5000U);
}

TEST_F(KafkaSinkTest, SettingsThatTheClientRefusesAreNamed) {
  KafkaOptions options = Options();
  options.properties = {{"acks", "many"}};
  auto refused = KafkaSink::Create(options, log_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, base::ErrorKind::kInvalid);
  EXPECT_NE(refused.error().message.find("acks=many"), std::string::npos) << refused.error().message;

  options.properties = {{"no.such.property", "1"}};
  EXPECT_FALSE(KafkaSink::Create(options, log_));
  // Contradictions come out when the client starts.
  options.properties = {{"max.in.flight.requests.per.connection", "100"}};
  EXPECT_FALSE(KafkaSink::Create(options, log_));
  options = Options();
  options.topic = std::string(600, 't');
  refused = KafkaSink::Create(options, log_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("kafka.topic"), std::string::npos) << refused.error().message;
}

// The second producer is made in the middle of the work, when what the first one was made from may be gone.
TEST_F(KafkaSinkTest, WhenNoSecondProducerCanBeMadeEventsComeBackAsTransient) {
  std::string folder = testing::TempDir() + "kafka_ca_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  KafkaOptions options = Options();
  options.properties.emplace_back("security.protocol", "ssl");
  options.properties.emplace_back("ssl.ca.location", folder);
  auto sink = Open(options);
  std::filesystem::remove_all(folder);
  ReportBook book(*sink, 0);
  book.SendDeadLetter({"v", "k"}, {"c", "r", 1, {}});
  book.Send(Events(3), Grouping::kAlone);
  ASSERT_TRUE(book.Complete());
  book.ExpectOneReportEach();
  EXPECT_EQ(book.Count(Verdict::kTransient), 4U);
}

}  // namespace
}  // namespace ei::kafka
