#include "adapters/kafka/native/lines.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/adapters/kafka/native/producer_parts.h"

namespace ei::kafka::native {
namespace {

using wire::ErrorCode;

class LinesTest : public ProducerPartsTest {
 protected:
  LinesTest() { cluster_.Watch("t"); }

  void Know(const std::vector<int32_t>& brokers, const TopicAnswer& topic) {
    const std::string body = MetadataBody(brokers, {{"t", topic}});
    ASSERT_TRUE(cluster_.Update(1, *wire::ReadMetadata(13, body)));
    lines_.FollowLeaders(now_);
  }
  std::vector<int32_t> At(int32_t leader) {
    std::vector<int32_t> partitions;
    for (const Line* const line : lines_.ByLeader()[leader].lines) {
      partitions.push_back(line->partition.Index());
    }
    return partitions;
  }
};

TEST_F(LinesTest, ALineKnowsWhatIsKnownOfItsPartition) {
  Know({1, 2}, {{1, 2}});
  lines_.OnProducerId({0, 3});
  Line& line = lines_.Of("t", 1);
  EXPECT_EQ(line.partition.Leader(), 2);
  EXPECT_EQ(line.partition.Id(), kTopicId);
  EXPECT_EQ(line.partition.Producer().id, 0);
  EXPECT_EQ(line.partition.Producer().epoch, 3);
  EXPECT_EQ(&lines_.Of("t", 1), &line);
  EXPECT_EQ(lines_.All().size(), 1U);
  EXPECT_EQ(lines_.Of("t", 2).partition.Leader(), -1);
  EXPECT_EQ(lines_.Of("unwatched", 0).partition.Leader(), -1);
}

TEST_F(LinesTest, ALineIsListedAtItsLeaderWhileItHasBatches) {
  Know({0, 1}, {{0, 1}});
  Line& line = lines_.Of("t", 0);
  lines_.List(line);
  EXPECT_FALSE(lines_.AnyAt(0));
  Add(line, 1);
  lines_.List(line);
  lines_.List(line);
  EXPECT_EQ(At(0), std::vector<int32_t>{0}) << "once";
  EXPECT_TRUE(lines_.AnyAt(0));
  EXPECT_FALSE(lines_.AnyAt(1));
  Line& other = lines_.Of("t", 1);
  Add(other, 2);
  lines_.List(other);
  Know({0, 1}, {{1, 1}, 2});
  EXPECT_FALSE(lines_.AnyAt(0));
  EXPECT_EQ(At(1), (std::vector<int32_t>{1, 0}));
  line.partition.GiveBack();
  lines_.List(line);
  EXPECT_EQ(At(1), std::vector<int32_t>{1});
  Know({0, 1}, {{1, -1}, 3});
  EXPECT_FALSE(lines_.AnyAt(1)) << "it has no leader";
}

TEST_F(LinesTest, BrokersThatAreGoneAreForgotten) {
  Know({1, 2, 3}, {{1, 2, 3}});
  for (const int32_t partition : {0, 1, 2}) {
    Line& line = lines_.Of("t", partition);
    Add(line, 1);
    lines_.List(line);
  }
  EXPECT_EQ(lines_.ByLeader().size(), 3U);
  Know({2}, {{2, 2, 3}, 2});
  EXPECT_FALSE(lines_.ByLeader().contains(1));
  EXPECT_EQ(At(2), (std::vector<int32_t>{1, 0}));
  EXPECT_TRUE(lines_.ByLeader().contains(3)) << "it still leads one";
  Know({2, 3}, {{2, 2, 2}, 3});
  EXPECT_TRUE(lines_.ByLeader().contains(3)) << "the cluster has it";
}

TEST_F(LinesTest, BatchesOfAPartitionThatIsGoneAreGivenBack) {
  Know({1}, {{1, 1}});
  Line& kept = lines_.Of("t", 0);
  Line& gone = lines_.Of("t", 1);
  Line& empty = lines_.Of("t", 2);
  for (Line* const line : {&kept, &gone}) {
    Add(*line, 1);
    lines_.ListOrGiveBack(*line);
  }
  lines_.ListOrGiveBack(empty);
  EXPECT_TRUE(gone_.empty());
  Know({1}, {{1}, 1, {}, {1, 2}});
  EXPECT_EQ(gone_, std::vector<int32_t>{1});
  EXPECT_EQ(At(1), std::vector<int32_t>{0});
  EXPECT_EQ(gone.listed_at, -1);
}

TEST_F(LinesTest, BatchesThatAreOutAreGivenBackAfterTheirAnswer) {
  Know({1}, {{1, 1}});
  lines_.OnProducerId({7, 0});
  Line& line = lines_.Of("t", 1);
  Add(line, 1);
  lines_.List(line);
  Batch* const out = line.partition.NextBatch(now_, 0);
  ASSERT_NE(out, nullptr);
  Know({1}, {{1}, 1, {}, {1, 2}});
  EXPECT_TRUE(gone_.empty());
  line.partition.OnNoAnswer(*out, now_, 0);
  lines_.ListOrGiveBack(line);
  EXPECT_EQ(gone_, std::vector<int32_t>{1});
}

TEST_F(LinesTest, ATopicIsGoneOnceItIsMissingInManyAnswers) {
  Know({1}, {{1}});
  Line& line = lines_.Of("t", 0);
  Add(line, 1);
  lines_.List(line);
  for (uint32_t answers = 1; answers < ClusterView::Topic::kMissingAnswers; ++answers) {
    Know({1}, {{}, 1, ErrorCode::kUnknownTopicOrPartition});
    EXPECT_TRUE(gone_.empty()) << answers;
  }
  Know({1}, {{}, 1, ErrorCode::kUnknownTopicOrPartition});
  EXPECT_EQ(gone_, std::vector<int32_t>{0});
}

TEST_F(LinesTest, AProducerIdIsNeededAtFirstAndWhenAPartitionNeedsAnother) {
  EXPECT_TRUE(lines_.NeedProducerId());
  Know({1}, {{1}});
  Line& line = lines_.Of("t", 0);
  lines_.OnProducerId({0, 0});
  EXPECT_FALSE(lines_.NeedProducerId());
  EXPECT_EQ(line.partition.Producer().id, 0) << "a line that was there before";
  Add(line, 1);
  wire::PartitionProduced fenced;
  fenced.error = ErrorCode::kInvalidProducerEpoch;
  line.partition.OnAnswer(*line.partition.NextBatch(now_, 0), fenced, 11, now_, 0, 0);
  lines_.List(line);
  EXPECT_TRUE(lines_.NeedProducerId());
  lines_.List(lines_.Of("t", 1));
  EXPECT_TRUE(lines_.NeedProducerId()) << "though this one needs none";
  lines_.OnProducerId({8, 0});
  EXPECT_FALSE(lines_.NeedProducerId());
  EXPECT_EQ(lines_.Producer().id, 8);
}

}  // namespace
}  // namespace ei::kafka::native
