#include "adapters/kafka/topics.h"

#include <gtest/gtest.h>

namespace ei::kafka {
namespace {

TEST(Topics, AnEmptyNameIsTheDefaultTopic) {
  Topics topics("events", "dead", {});
  EXPECT_EQ(topics.NameOf(""), "events");
  EXPECT_EQ(topics.NameOf("orders"), "orders");
  EXPECT_EQ(&topics.Of(""), &topics.Of("events"));
  EXPECT_NE(&topics.Of("orders"), &topics.Of("events"));
  EXPECT_EQ(&topics.Of("orders"), &topics.Of("orders"));
  EXPECT_EQ(topics.Of("orders").bytes_max, Topic::kAnySize);
  EXPECT_FALSE(topics.Of("orders").compacted);
}

TEST(Topics, ATopicMayHaveItsOwnSettings) {
  Topics topics("events", "dead",
                {{.name = "orders", .compression = "zstd", .dlq_topic = "orders-dead"},
                 {.name = "events", .compression = "lz4", .dlq_topic = ""}});
  EXPECT_EQ(topics.DlqTopicOf("orders"), "orders-dead");
  EXPECT_EQ(topics.DlqTopicOf("events"), "dead") << "it has none of its own";
  EXPECT_EQ(topics.DlqTopicOf("others"), "dead");
  EXPECT_EQ(topics.CompressionOf("orders"), "zstd");
  EXPECT_EQ(topics.CompressionOf(""), "lz4");
  EXPECT_EQ(topics.CompressionOf("others"), "");
  topics.Replace({{.name = "others", .compression = "gzip", .dlq_topic = "others-dead"}});
  EXPECT_EQ(topics.DlqTopicOf("others"), "others-dead");
  EXPECT_EQ(topics.DlqTopicOf("orders"), "dead");
  EXPECT_EQ(topics.CompressionOf(""), "");
}

TEST(Topics, TopicsWithOneAckAreCounted) {
  Topics topics("events", "dead", {});
  topics.Of("orders");
  EXPECT_EQ(topics.OneAckTopics(), 0U);
  topics.Of("").one_ack = true;
  EXPECT_EQ(topics.OneAckTopics(), 1U);
  topics.Of("orders").one_ack = true;
  topics.Of("others").one_ack = true;
  EXPECT_EQ(topics.OneAckTopics(), 3U);
}

TEST(Topics, AKeptNameStays) {
  Topics topics("events", "dead", {});
  std::string name = "orders";
  const std::string_view kept = topics.Keep(name);
  name = "gone";
  EXPECT_EQ(kept, "orders");
  EXPECT_EQ(topics.Keep("orders").data(), kept.data());
}

}  // namespace
}  // namespace ei::kafka
