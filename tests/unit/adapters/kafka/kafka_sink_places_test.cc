// What a report tells about where its record stands, and whether Kafka has been reached at all.

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "adapters/kafka/kafka_sink.h"
#include "support/null_log.h"
#include "unit/adapters/http/http_client.h"
#include "unit/adapters/kafka/mock_cluster.h"
#include "unit/adapters/kafka/report_book.h"

namespace ei::kafka {
namespace {

using app::Verdict;
using http::Eventually;
using Where = std::pair<int32_t, int64_t>;

class KafkaSinkPlaces : public testing::Test {
 protected:
  std::unique_ptr<KafkaSink> Open() {
    KafkaOptions options;
    options.brokers = cluster_.Brokers();
    options.properties = {{"reconnect.backoff.ms", "10"}, {"reconnect.backoff.max.ms", "100"}};
    auto created = KafkaSink::Create(options, log_);
    if (!created) {
      ADD_FAILURE() << created.error().message;
      std::abort();
    }
    return std::move(*created);
  }

  static bool Reached(const KafkaSink& sink) { return sink.Status().contact == app::Contact::kReached; }

  MockCluster cluster_;
  support::NullLog log_;
};

TEST_F(KafkaSinkPlaces, AReportSaysWhereItsRecordStands) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  std::map<std::string, size_t> tokens;
  for (int round = 0; round < 3; ++round) {
    std::vector<ReportBook::Outgoing> events;
    for (int i = 0; i < 50; ++i) {
      const std::string name = std::to_string(round) + "-" + std::to_string(i);
      tokens[name] = book.Size() + events.size();
      events.push_back({name, "key-" + std::to_string(i)});
    }
    book.Send(events);
    ASSERT_TRUE(book.Complete());
  }
  const auto stored = cluster_.Read("events");
  ASSERT_EQ(stored.size(), tokens.size());
  for (const StoredRecord& record : stored) {
    const auto& entry = book[tokens.at(record.value)];
    EXPECT_EQ(entry.topic, "events");
    EXPECT_EQ(entry.partition, record.partition);
    EXPECT_EQ(entry.offset, record.offset);
  }
}

TEST_F(KafkaSinkPlaces, ADeadLetterStandsInItsOwnTopicAndAFailureNowhere) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  cluster_.AnswerNext(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_INVALID_RECORD});
  const size_t refused = book.Send({{"refused", "k"}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[refused].verdict, Verdict::kEventRefused);
  EXPECT_EQ(book[refused].topic, "events") << "that refused it";
  EXPECT_EQ(Where(book[refused].partition, book[refused].offset), Where(-1, -1));
  const size_t letter = book.SendDeadLetter({"letter", "k"}, {"invalid_record", "", 1, {}});
  ASSERT_TRUE(book.Complete());
  const auto stored = cluster_.Read("events-dlq");
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(book[letter].topic, "events-dlq");
  EXPECT_EQ(Where(book[letter].partition, book[letter].offset), Where(stored[0].partition, stored[0].offset));
}

TEST_F(KafkaSinkPlaces, KafkaIsReachedWithoutAnyEventAndStaysSo) {
  cluster_.GoDown();
  auto sink = Open();
  ReportBook book(*sink, 0);
  EXPECT_FALSE(Eventually([&] { return Reached(*sink); }, std::chrono::milliseconds(300)));
  cluster_.ComeUp();
  EXPECT_TRUE(Eventually([&] { return Reached(*sink); }));
  cluster_.GoDown();
  book.Send({{"waits", "k"}});
  EXPECT_FALSE(book.Complete(std::chrono::seconds(1)));
  EXPECT_TRUE(Reached(*sink)) << "an outage later on changes nothing";
  cluster_.ComeUp();
  EXPECT_TRUE(book.Complete());
}

}  // namespace
}  // namespace ei::kafka
