#include "adapters/kafka/native/cluster_view.h"

#include <gtest/gtest.h>

namespace ei::kafka::native {
namespace {

wire::MetadataResponse Told(int32_t leader, int32_t epoch, wire::TopicId id = {1, 1}) {
  wire::MetadataResponse response;
  response.brokers = {{1, "one", 9092}, {2, "two", 9092}};
  wire::TopicMetadata topic;
  topic.name = "events";
  topic.id = id;
  topic.partitions = {{.index = 0, .leader = leader, .leader_epoch = epoch, .replicas = 3}};
  response.topics.push_back(topic);
  return response;
}

class ClusterViewTest : public ::testing::Test {
 protected:
  ClusterViewTest() { view_.Watch("events"); }
  int32_t Leader() const { return view_.LeaderOf("events", 0).node; }
  ClusterView view_;
};

TEST_F(ClusterViewTest, KnowsWhatItWasTold) {
  EXPECT_EQ(Leader(), -1);
  ASSERT_TRUE(view_.Take(Told(1, 5)));
  EXPECT_EQ(Leader(), 1);
  EXPECT_EQ(*view_.Find(2), (Address{"two", 9092}));
  EXPECT_EQ(view_.Find("events")->replicas, 3U);
  EXPECT_EQ(view_.Find("others"), nullptr);
}

TEST_F(ClusterViewTest, ABrokerThatLagsBehindTakesNothingBack) {
  view_.Take(Told(1, 5));
  view_.TakeHint("events", 0, {2, 6});
  EXPECT_EQ(Leader(), 2);
  view_.Take(Told(1, 5));
  EXPECT_EQ(Leader(), 2);
  view_.TakeHint("events", 0, {1, 4});
  EXPECT_EQ(Leader(), 2);
  view_.Take(Told(1, 7));
  EXPECT_EQ(Leader(), 1);
}

TEST_F(ClusterViewTest, TwoAnswersInARowTakeBackAnEpoch) {
  view_.Take(Told(1, 1'000'000));
  view_.Take(Told(2, 3));
  EXPECT_EQ(Leader(), 1);
  view_.Take(Told(2, 4));
  EXPECT_EQ(Leader(), 1) << "it says something else each time";
  view_.Take(Told(2, 4));
  EXPECT_EQ(Leader(), 2);
}

TEST_F(ClusterViewTest, PartitionsOfATopicOnlyGrow) {
  wire::MetadataResponse grown = Told(1, 5);
  grown.topics[0].partitions.push_back({.index = 1, .leader = 2, .leader_epoch = 0});
  view_.Take(grown);
  view_.Take(Told(1, 5));
  EXPECT_EQ(view_.LeaderOf("events", 1).node, 2);
  view_.Take(Told(1, 5, {1, 2}));
  EXPECT_EQ(view_.LeaderOf("events", 1).node, -1) << "it is another topic now";
}

TEST_F(ClusterViewTest, AnswersWithoutTheTopicAreCounted) {
  wire::MetadataResponse missing = Told(1, 5);
  missing.topics[0].error = wire::ErrorCode::kUnknownTopicOrPartition;
  view_.Take(missing);
  view_.Take(missing);
  EXPECT_EQ(view_.Find("events")->missing_answers, 2U);
  view_.Take(Told(1, 5));
  EXPECT_EQ(view_.Find("events")->missing_answers, 0U);
}

TEST_F(ClusterViewTest, ATopicMadeAnewBeginsAnew) {
  view_.Take(Told(1, 5));
  view_.Take(Told(2, 0, {1, 2}));
  EXPECT_EQ(Leader(), 2);
}

TEST_F(ClusterViewTest, WhileATopicCantBeToldOfWhatWasKnownHolds) {
  view_.Take(Told(1, 5));
  wire::MetadataResponse response = Told(1, 5);
  response.topics[0].error = wire::ErrorCode::kUnknownTopicOrPartition;
  response.topics[0].partitions.clear();
  view_.Take(response);
  EXPECT_EQ(Leader(), 1);
  EXPECT_EQ(view_.Find("events")->error, wire::ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(ClusterViewTest, OddAnswersArePassedOver) {
  view_.Take(Told(1, 5));
  wire::MetadataResponse nobody = Told(2, 9);
  nobody.brokers.clear();
  EXPECT_FALSE(view_.Take(nobody));
  EXPECT_EQ(Leader(), 1);
  wire::MetadataResponse odd = Told(2, 9);
  odd.topics[0].partitions = {{.index = -3, .leader = 2}, {.index = 700, .leader = 2}};
  odd.brokers.push_back({3, "", 9092});
  odd.brokers.push_back({4, "four", 70'000});
  EXPECT_TRUE(view_.Take(odd));
  EXPECT_EQ(view_.Find(3), nullptr);
  EXPECT_EQ(view_.Find(4), nullptr);
}

}  // namespace
}  // namespace ei::kafka::native
