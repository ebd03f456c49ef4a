#include "delivery/topic_limits.h"

#include <gtest/gtest.h>

#include <string>

#include "support/events.h"

namespace ei {
namespace {

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class TopicLimitsTest : public ::testing::Test {
 protected:
  // Adds an event of `size` bytes to the batch.
  void Add(size_t size, const Route& route = support::kByPointer, std::string_view trace = {},
           std::string_view key = "k") {
    json_ = std::string(size, '.');
    DecodedEvent event;
    event.json = json_;
    event.id = {Member::Kind::kString, "0", std::string_view(json_).substr(0, 1)};
    event.timestamp = event.id;
    event.key = key;
    event.has_key = true;
    event.route = &route;
    batch_.Add(event, {}, {}, {.context = {.client = {}, .traceparent = trace}});
  }
  uint64_t Bytes() const { return RecordBatchBytes(batch_, batch_.Events().back()); }

  std::string json_;
  EventBatch batch_;
  TopicLimits limits_;
};

// The numbers are those of Kafka's message format 2, counted by hand.
TEST_F(TopicLimitsTest, TheBatchOfOneRecordIsCountedToTheByte) {
  Add(10);  // 61 + length 1 + (3 + key 1+1 + value 1+10 + headers 1)
  EXPECT_EQ(Bytes(), 61U + 1 + 3 + 2 + 11 + 1);
  Add(10, support::kWithoutKey);
  EXPECT_EQ(Bytes(), 61U + 1 + 3 + 1 + 11 + 1);
  Add(10, support::kWithoutKey, kTrace);  // headers trace_id (8) of 32 and traceparent (11) of 55 bytes
  EXPECT_EQ(Bytes(), 61U + 2 + 3 + 1 + 11 + 1 + (1 + 8 + 1 + 32) + (1 + 11 + 1 + 55));
  Add(63, support::kWithoutKey);
  EXPECT_EQ(Bytes(), 61U + 2 + 3 + 1 + 64 + 1);
  Add(64, support::kWithoutKey);
  EXPECT_EQ(Bytes(), 61U + 2 + 3 + 1 + 66 + 1);
  Add(1'000'000, support::kWithoutKey);
  EXPECT_EQ(Bytes(), 61U + 3 + 3 + 1 + 1'000'003 + 1);
}

TEST_F(TopicLimitsTest, EventsOfTopicsWithoutAKnownLimitAreAccepted) {
  Add(100'000'000);
  EXPECT_FALSE(limits_.BrokenByLast(batch_));
  limits_.Learn("other", "other", 10);
  EXPECT_FALSE(limits_.BrokenByLast(batch_));
}

TEST_F(TopicLimitsTest, TheLimitItselfIsAcceptedAndOneByteMoreIsNot) {
  limits_.Learn("", "events", 2000);
  size_t size = 1500;
  for (;; ++size) {
    Add(size);
    if (Bytes() == 2000) break;
  }
  EXPECT_FALSE(limits_.BrokenByLast(batch_));
  Add(size + 1);
  const auto broken = limits_.BrokenByLast(batch_);
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->topic, "events");
  EXPECT_EQ(broken->bytes_max, 2000U);
  Add(1);
  EXPECT_FALSE(limits_.BrokenByLast(batch_));
}

TEST_F(TopicLimitsTest, TheKeyCountsToo) {
  limits_.Learn("", "events", 2000);
  Add(1500, support::kByPointer, {}, std::string(1000, 'k'));
  EXPECT_TRUE(limits_.BrokenByLast(batch_));
}

TEST_F(TopicLimitsTest, EachTopicHasItsOwnAndMayChangeIt) {
  const Route orders{.topic = "orders", .key_source = KeySource::kNone};
  limits_.Learn("", "events", 100);
  limits_.Learn("orders", "orders", 5000);
  Add(4000, orders);
  EXPECT_FALSE(limits_.BrokenByLast(batch_));
  Add(5000, orders, kTrace);
  EXPECT_TRUE(limits_.BrokenByLast(batch_));
  limits_.Learn("orders", "orders", 6000);
  EXPECT_FALSE(limits_.BrokenByLast(batch_));
  limits_.Learn("orders", "orders", std::nullopt);
  Add(50'000, orders);
  EXPECT_FALSE(limits_.BrokenByLast(batch_));
  Add(4000);
  EXPECT_TRUE(limits_.BrokenByLast(batch_));
}

}  // namespace
}  // namespace ei
