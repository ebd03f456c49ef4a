#include "adapters/kafka/native/cluster_view.h"

#include <gtest/gtest.h>

namespace ei::kafka::native {
namespace {

wire::MetadataResponse Answer(int32_t leader, int32_t epoch, wire::TopicId id = {1, 1}) {
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
  bool Update(const wire::MetadataResponse& response, int32_t node = 1) {
    return view_.Update(node, response);
  }
  int32_t Leader() const { return view_.LeaderOf("events", 0).node; }
  ClusterView view_;
};

TEST_F(ClusterViewTest, HasTheLastAnswer) {
  EXPECT_EQ(Leader(), -1);
  ASSERT_TRUE(Update(Answer(1, 5)));
  EXPECT_EQ(Leader(), 1);
  EXPECT_EQ(*view_.Find(2), (Address{"two", 9092}));
  EXPECT_EQ(view_.Find("events")->replicas, 3U);
  EXPECT_EQ(view_.Find("others"), nullptr);
}

TEST_F(ClusterViewTest, AnOutdatedBrokerReplacesNothing) {
  Update(Answer(1, 5));
  view_.UpdateLeader("events", 0, {2, 6});
  EXPECT_EQ(Leader(), 2);
  Update(Answer(1, 5));
  EXPECT_EQ(Leader(), 2);
  view_.UpdateLeader("events", 0, {1, 4});
  EXPECT_EQ(Leader(), 2);
  Update(Answer(1, 7));
  EXPECT_EQ(Leader(), 1);
}

TEST_F(ClusterViewTest, APartitionWithoutALeaderTakesTheFirstHint) {
  using Leader = ClusterView::Leader;
  wire::MetadataResponse first = Answer(1, 5);
  first.topics[0].partitions.push_back({.index = 2, .leader = 2, .leader_epoch = 0});
  first.topics[0].partitions.push_back({.index = 3, .leader = 2, .leader_epoch = 0});
  ASSERT_TRUE(Update(first));
  EXPECT_EQ(view_.LeaderOf("events", 1), (Leader{-1, -1})) << "the answer doesn't have it";
  EXPECT_EQ(view_.LeaderOf("events", 9), (Leader{-1, -1}));
  view_.UpdateLeader("events", 1, {2, 0});
  EXPECT_EQ(view_.LeaderOf("events", 1), (Leader{2, 0}));
  view_.UpdateLeader("events", 1, {1, 0});
  EXPECT_EQ(view_.LeaderOf("events", 1), (Leader{2, 0})) << "it is not newer";
  view_.UpdateLeader("events", 1, {-1, 7});
  view_.UpdateLeader("events", 4, {1, 7});
  view_.UpdateLeader("events", -1, {1, 7});
  view_.UpdateLeader("others", 1, {1, 7});
  EXPECT_EQ(view_.LeaderOf("events", 1), (Leader{2, 0}));
  view_.UpdateLeader("events", 0, {0, 6});
  EXPECT_EQ(view_.LeaderOf("events", 0), (Leader{0, 6}));
}

TEST_F(ClusterViewTest, HintsBringAddressesOfBrokers) {
  Update(Answer(1, 5));
  view_.UpdateBrokers({{0, "zero", 1}, {2, "moved", 65'535}, {4, "four", 65'536}, {5, "five", 0}});
  EXPECT_EQ(*view_.Find(0), (Address{"zero", 1}));
  EXPECT_EQ(*view_.Find(1), (Address{"one", 9092}));
  EXPECT_EQ(*view_.Find(2), (Address{"moved", 65'535}));
  EXPECT_EQ(view_.Brokers().size(), 3U);
}

TEST_F(ClusterViewTest, AClusterAndATopicHaveBounds) {
  wire::MetadataResponse large = Answer(1, 5);
  large.brokers.assign(ClusterView::kBrokersMax, {1, "one", 9092});
  EXPECT_TRUE(Update(large));
  large.brokers.push_back({1, "one", 9092});
  EXPECT_FALSE(Update(large));
  large = Answer(2, 6);
  large.topics[0].partitions.assign(ClusterView::kPartitionsMax + 1, {.index = 0, .leader = 2});
  EXPECT_TRUE(Update(large));
  EXPECT_EQ(view_.Find("events")->partitions.size(), 1U);
  EXPECT_EQ(Leader(), 1);
  large.topics[0].partitions.pop_back();
  Update(large);
  EXPECT_EQ(view_.Find("events")->partitions.size(), ClusterView::kPartitionsMax);
}

TEST_F(ClusterViewTest, TheLargestNumberOfReplicasIsKept) {
  wire::MetadataResponse response = Answer(1, 5);
  response.topics[0].partitions.push_back({.index = 1, .leader = 2, .leader_epoch = 0, .replicas = 2});
  Update(response);
  EXPECT_EQ(view_.Find("events")->replicas, 3U);
  response.topics[0].partitions[0].replicas = 1;
  Update(response);
  EXPECT_EQ(view_.Find("events")->replicas, 2U);
}

TEST_F(ClusterViewTest, TwoAnswersInARowReplaceAnEpoch) {
  Update(Answer(1, 1'000'000));
  Update(Answer(2, 3));
  EXPECT_EQ(Leader(), 1);
  Update(Answer(2, 4), 2);
  EXPECT_EQ(Leader(), 1) << "each answer is different";
  Update(Answer(2, 4), 2);
  EXPECT_EQ(Leader(), 1) << "the same broker";
  Update(Answer(2, 4), 1);
  EXPECT_EQ(Leader(), 2);
}

TEST_F(ClusterViewTest, ASingleBrokerReplacesAnEpochInTheEnd) {
  Update(Answer(1, 1'000'000));
  for (uint32_t i = 1; i < ClusterView::kLaggingAnswersMax; ++i) Update(Answer(2, 4));
  EXPECT_EQ(Leader(), 1);
  Update(Answer(2, 4));
  EXPECT_EQ(Leader(), 2);
}

TEST_F(ClusterViewTest, PartitionsOfATopicOnlyGrow) {
  wire::MetadataResponse grown = Answer(1, 5);
  grown.topics[0].partitions.push_back({.index = 1, .leader = 2, .leader_epoch = 0});
  Update(grown);
  Update(Answer(1, 5));
  EXPECT_EQ(view_.LeaderOf("events", 1).node, 2);
  Update(Answer(1, 5, {1, 2}));
  EXPECT_EQ(view_.LeaderOf("events", 1).node, -1) << "it is another topic now";
}

TEST_F(ClusterViewTest, AnswersWithoutTheTopicAreCounted) {
  wire::MetadataResponse missing = Answer(1, 5);
  missing.topics[0].error = wire::ErrorCode::kUnknownTopicOrPartition;
  Update(missing);
  Update(missing);
  EXPECT_EQ(view_.Find("events")->missing_answers, 2U);
  Update(Answer(1, 5));
  EXPECT_EQ(view_.Find("events")->missing_answers, 0U);
}

TEST_F(ClusterViewTest, ARecreatedTopicStartsFresh) {
  Update(Answer(1, 5));
  Update(Answer(2, 0, {1, 2}));
  EXPECT_EQ(Leader(), 2);
}

TEST_F(ClusterViewTest, WhileATopicCantBeDescribedItsPartitionsStay) {
  Update(Answer(1, 5));
  wire::MetadataResponse response = Answer(1, 5);
  response.topics[0].error = wire::ErrorCode::kUnknownTopicOrPartition;
  response.topics[0].partitions.clear();
  Update(response);
  EXPECT_EQ(Leader(), 1);
  EXPECT_EQ(view_.Find("events")->error, wire::ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(ClusterViewTest, OddAnswersArePassedOver) {
  Update(Answer(1, 5));
  wire::MetadataResponse nobody = Answer(2, 9);
  nobody.brokers.clear();
  EXPECT_FALSE(Update(nobody));
  EXPECT_EQ(Leader(), 1);
  wire::MetadataResponse odd = Answer(2, 9);
  odd.topics[0].partitions = {{.index = -3, .leader = 2}, {.index = 700, .leader = 2}};
  odd.brokers.push_back({3, "", 9092});
  odd.brokers.push_back({4, "four", 70'000});
  EXPECT_TRUE(Update(odd));
  EXPECT_EQ(view_.Find(3), nullptr);
  EXPECT_EQ(view_.Find(4), nullptr);
}

}  // namespace
}  // namespace ei::kafka::native
