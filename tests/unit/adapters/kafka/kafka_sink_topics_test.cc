#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "adapters/kafka/kafka_sink.h"
#include "support/null_log.h"
#include "unit/adapters/kafka/mock_cluster.h"
#include "unit/adapters/kafka/report_book.h"

namespace ei::kafka {
namespace {

using app::Verdict;
using Strings = std::vector<std::string>;

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class KafkaSinkTopics : public testing::Test {
 protected:
  std::unique_ptr<KafkaSink> Open(std::vector<TopicOptions> topics = {}) {
    KafkaOptions options;
    options.brokers = cluster_.Brokers();
    options.topics = std::move(topics);
    options.properties = {{"topic.metadata.propagation.max.ms", "300"}};
    auto created = KafkaSink::Create(options, log_);
    if (!created) {
      ADD_FAILURE() << created.error().message;
      std::abort();
    }
    return std::move(*created);
  }

  Strings Values(const std::string& topic) const {
    Strings values;
    for (const StoredRecord& record : cluster_.Read(topic)) values.push_back(record.value);
    return values;
  }

  MockCluster cluster_{1};
  support::NullLog log_;
};

std::string DlqTopic(const StoredRecord& record) {
  for (const auto& [name, value] : record.headers) {
    if (name == "dlq_topic") return value;
  }
  return {};
}

TEST_F(KafkaSinkTopics, EachEventGoesToItsOwnInTheOrderOfAll) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  book.Send({{"o1", "k", "", "orders"},
             {"e1", "k"},
             {"o2", "k", kTrace, "orders"},
             {"e2", "k", kTrace},
             {"o3", "k", "", "orders"},
             {"e3", "k"}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book.Count(Verdict::kDelivered), 6U);
  EXPECT_EQ(Values("orders"), (Strings{"o1", "o2", "o3"}));
  EXPECT_EQ(Values("events"), (Strings{"e1", "e2", "e3"}));
  EXPECT_EQ(book[0].topic, "orders");
  EXPECT_EQ(book[1].topic, "events");
}

TEST_F(KafkaSinkTopics, ADeadLetterNamesItsTopicAndGoesWhereThatSays) {
  auto sink = Open({{.name = "orders", .compression = {}, .dlq_topic = "orders-dlq"}});
  ReportBook book(*sink, 0);
  book.SendDeadLetter({"o", "k", "", "orders"}, {"invalid_record", "", 1, {}, "orders"});
  book.SendDeadLetter({"e", "k"}, {"invalid_record", "", 1, {}, "events"});
  ASSERT_TRUE(book.Complete());
  const auto orders = cluster_.Read("orders-dlq");
  const auto events = cluster_.Read("events-dlq");
  ASSERT_EQ(orders.size(), 1U);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(DlqTopic(orders[0]), "orders");
  EXPECT_EQ(DlqTopic(events[0]), "events");
}

TEST_F(KafkaSinkTopics, SettingsAreReplacedWhileTheSinkWorks) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  book.SendDeadLetter({"before", "k", "", "orders"}, {"invalid_record", "", 1, {}});
  sink->UseTopics({{.name = "orders", .compression = {}, .dlq_topic = "orders-dlq"}});
  book.SendDeadLetter({"after", "k", "", "orders"}, {"invalid_record", "", 1, {}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(Values("events-dlq"), Strings{"before"});
  EXPECT_EQ(Values("orders-dlq"), Strings{"after"});
}

TEST_F(KafkaSinkTopics, CompressionIsTheTopicsOwn) {
  auto sink = Open({{.name = "orders", .compression = "lz4", .dlq_topic = {}}});
  ReportBook book(*sink, 0);
  const std::string repetitive(100'000, 'x');
  book.Send({{repetitive, "k", "", "orders"}, {repetitive, "k"}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(Values("orders"), Strings{repetitive});
  EXPECT_EQ(Values("events"), Strings{repetitive});
}

TEST_F(KafkaSinkTopics, ATopicThatIsNotThereIsNoVerdictAboutTheEvent) {
  auto sink = Open();
  cluster_.SayOfTopic("orders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  ReportBook book(*sink, 0);
  book.Send({{"waits", "k", "", "orders"}, {"goes", "k"}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[0].verdict, Verdict::kUnknownTopic);
  EXPECT_EQ(book[0].code, "unknown_topic");
  EXPECT_EQ(book[0].topic, "orders") << "for its dead letter";
  EXPECT_EQ(book[1].verdict, Verdict::kDelivered);
}

}  // namespace
}  // namespace ei::kafka
