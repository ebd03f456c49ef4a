#include "adapters/kafka/native/cluster_requests.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/adapters/kafka/native/producer_parts.h"

namespace ei::kafka::native {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using wire::Api;
using wire::ErrorCode;
using Apis = std::vector<Api>;

class ClusterRequestsTest : public ProducerPartsTest {
 protected:
  void Send() { requests_.Send(now_); }
  // Connects to the bootstrap address, with this topic watched; the first requests are sent.
  Connection& Open(const std::vector<std::pair<int16_t, int16_t>>& more = {}) {
    cluster_.Watch("t");
    Send();
    Connection& connection = *connections_.Find(1);
    MakeReady(connection, more);
    Send();
    return connection;
  }
  // The oldest request is answered. Returns false if the answer could not be read.
  bool Answer(Connection& connection, Api api, const std::string& body) {
    EXPECT_EQ(connection.link.Requests().front().api, api);
    Write(connection);
    bool read = false;
    const int32_t id = connection.link.Requests().front().correlation_id;
    connection.link.OnBytes(Framed(id, body), now_,
                            [&](const Link::Request& request, std::string_view answer) {
                              read = requests_.OnAnswer(connection, request, answer, now_);
                            });
    return read;
  }
  bool AnswerMetadata(Connection& connection, const std::string& body) {
    return Answer(connection, Api::kMetadata, body);
  }
  // The cluster has one broker, which leads the only partition, and the producer has the id 7.
  Connection& Work(const std::vector<std::pair<int16_t, int16_t>>& more = {}) {
    Connection& first = Open(more);
    EXPECT_TRUE(AnswerMetadata(first, MetadataBody({1}, {{"t", {{1}}}})));
    EXPECT_TRUE(Answer(first, Api::kInitProducerId, ProducerIdBody(7)));
    connections_.Reach(1, false, now_);
    Connection& leader = *connections_.Find(2);
    MakeReady(leader, more);
    return leader;
  }
  // The next delay after this many failures.
  base::Duration DelayAfter(uint32_t failures) const {
    std::mt19937_64 same = random_;
    return ClusterRequests::Options().retry.Delay(failures, same());
  }
  static wire::PartitionProduced Refused(ErrorCode error) {
    wire::PartitionProduced answer;
    answer.error = error;
    return answer;
  }
  // The leader of the line no longer knows the numbers of its only batch.
  Line& LineOfUnknownNumbers() {
    Line& line = lines_.Of("t", 0);
    if (line.partition.Queue().Empty()) Add(line, 1);
    for (uint32_t i = 0; i < Partition::kSequenceFailuresMax; ++i) {
      Advance(minutes(1));
      Batch* const batch = line.partition.NextBatch(now_, 0);
      line.partition.OnAnswer(*batch, Refused(ErrorCode::kOutOfOrderSequenceNumber), 11, now_, 0, 0);
    }
    EXPECT_TRUE(line.partition.Wanted().last_sequence);
    lines_.List(line);
    return line;
  }
  static std::string LastSequenceBody(ErrorCode error, const std::vector<wire::ProducerState>& producers) {
    return Flexible([&](wire::Encoder& out) {
      out.Int(int32_t{0});
      out.Count(1);
      out.String("t");
      out.Count(1);
      out.Int(int32_t{0});
      out.Int(static_cast<int16_t>(error));
      out.NullString();
      out.Count(producers.size());
      for (const wire::ProducerState& producer : producers) {
        out.Int(producer.producer_id);
        out.Int(producer.producer_epoch);
        out.Int(producer.last_sequence);
        out.Int(int64_t{0});
        out.Int(int32_t{0});
        out.Int(int64_t{-1});
        out.NoTags();
      }
      for (int i = 0; i < 3; ++i) out.NoTags();
    });
  }

  ClusterRequests requests_{{}, cluster_, metadata_, lines_, connections_, *this, random_};
};

// --- metadata

TEST_F(ClusterRequestsTest, NothingIsRequestedWithoutATopic) {
  Send();
  EXPECT_TRUE(network_.hosts.empty());
  EXPECT_EQ(requests_.NextSend(), base::SteadyTime::max());
}

TEST_F(ClusterRequestsTest, MetadataIsRequestedOnceAndThenWhenItIsOld) {
  Connection& connection = Open();
  EXPECT_EQ(Asked(connection), (Apis{Api::kMetadata, Api::kInitProducerId}));
  EXPECT_EQ(metadata_.sent, 1U);
  Send();
  EXPECT_EQ(connection.link.Requests().size(), 2U) << "both are pending";
  ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({1}, {{"t", {{1}}}, {"other", {{1}}}})));
  EXPECT_EQ(topics_, (std::vector<std::pair<std::string, ErrorCode>>{{"t", ErrorCode::kNone}}));
  EXPECT_EQ(cluster_.LeaderOf("t", 0).node, 1);
  EXPECT_FALSE(metadata_.needed);
  ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(7)));
  Send();
  EXPECT_TRUE(connection.link.Requests().empty());
  EXPECT_EQ(requests_.NextSend(), now_ + minutes(5));
  Advance(minutes(5));
  Send();
  EXPECT_EQ(Asked(connection), Apis{Api::kMetadata});
}

TEST_F(ClusterRequestsTest, NeededMetadataIsRequestedAfterAPause) {
  Connection& connection = Open();
  const base::Duration pause = DelayAfter(1);
  ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({1}, {{"t", {{1}}}})));
  ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(7)));
  EXPECT_EQ(metadata_.not_before, now_ + pause);
  metadata_.needed = true;
  Send();
  EXPECT_EQ(requests_.NextSend(), now_ + pause);
  EXPECT_TRUE(connection.link.Requests().empty());
  Advance(pause);
  Send();
  EXPECT_EQ(Asked(connection), Apis{Api::kMetadata});
  EXPECT_FALSE(metadata_.needed);
}

TEST_F(ClusterRequestsTest, ATopicThatIsNotWholeIsRequestedAgainWithGrowingPauses) {
  Connection& connection = Open();
  const std::vector<TopicAnswer> partly = {
      {{1, -1}}, {{}, 1, ErrorCode::kUnknownTopicOrPartition}, {{1, -1}}};
  for (uint32_t failures = 1; failures <= partly.size(); ++failures) {
    const base::Duration pause = DelayAfter(failures);
    ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({1}, {{"t", partly[failures - 1]}})));
    EXPECT_TRUE(metadata_.needed);
    EXPECT_EQ(metadata_.failures, failures);
    EXPECT_EQ(metadata_.not_before, now_ + pause);
    if (failures == 1) {
      ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(7)));
    }
    Advance(seconds(10));
    if (failures < partly.size()) connections_.SetUnhelpful(std::nullopt);
    Send();
  }
  EXPECT_EQ(network_.hosts, (std::vector<std::string>{"boot", "b1"})) << "the broker was of no use";
  Connection& other = *connections_.Find(2);
  MakeReady(other);
  Send();
  ASSERT_EQ(Asked(other), Apis{Api::kMetadata});
  const base::Duration pause = DelayAfter(1);
  ASSERT_TRUE(AnswerMetadata(other, MetadataBody({1}, {{"t", {{1, 1}}}})));
  EXPECT_EQ(metadata_.failures, 0U);
  EXPECT_EQ(metadata_.not_before, now_ + pause);
  EXPECT_FALSE(metadata_.needed);
}

TEST_F(ClusterRequestsTest, AnAnswerWithoutBrokersIsIgnored) {
  Connection& connection = Open();
  const base::Duration pause = DelayAfter(1);
  ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({}, {{"t", {{1}}}})));
  EXPECT_TRUE(topics_.empty());
  EXPECT_TRUE(metadata_.needed);
  EXPECT_FALSE(metadata_.pending);
  EXPECT_EQ(metadata_.failures, 1U);
  EXPECT_EQ(metadata_.not_before, now_ + pause);
}

TEST_F(ClusterRequestsTest, ABrokerCanAskForABootstrap) {
  Connection& connection = Open();
  ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({1}, {}, ErrorCode::kRebootstrapRequired)));
  EXPECT_TRUE(connection.link.Ended());
  EXPECT_TRUE(metadata_.needed);
  EXPECT_FALSE(metadata_.pending);
  EXPECT_EQ(cluster_.Find(1), nullptr);
}

TEST_F(ClusterRequestsTest, WhatIsNotAnsweredIsRequestedAgain) {
  Connection& connection = Open();
  for (const Link::Request& request : connection.link.Requests()) requests_.OnNoAnswer(request);
  EXPECT_TRUE(metadata_.needed);
  Send();
  EXPECT_EQ(Asked(connection),
            (Apis{Api::kMetadata, Api::kInitProducerId, Api::kMetadata, Api::kInitProducerId}));
}

TEST_F(ClusterRequestsTest, AnswersThatCantBeReadAreRefused) {
  Connection& connection = Open();
  EXPECT_FALSE(AnswerMetadata(connection, "?"));
  EXPECT_FALSE(Answer(connection, Api::kInitProducerId, "?"));
  EXPECT_TRUE(topics_.empty());
}

// --- the producer id

TEST_F(ClusterRequestsTest, AProducerIdIsRequestedUntilThereIsOne) {
  Connection& connection = Open();
  ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({1}, {{"t", {{1}}}})));
  for (uint32_t failures = 1; failures <= 3; ++failures) {
    const base::Duration pause = DelayAfter(failures);
    ASSERT_TRUE(
        Answer(connection, Api::kInitProducerId, ProducerIdBody(-1, ErrorCode::kCoordinatorLoadInProgress)));
    EXPECT_EQ(lines_.Producer().id, -1);
    connections_.SetUnhelpful(std::nullopt);
    Send();
    EXPECT_EQ(requests_.NextSend(), now_ + pause) << failures;
    EXPECT_TRUE(connection.link.Requests().empty());
    Advance(pause);
    Send();
    EXPECT_EQ(Asked(connection), Apis{Api::kInitProducerId});
  }
  EXPECT_TRUE(faults_.empty());
  ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(7)));
  EXPECT_EQ(lines_.Producer().id, 7);
  Send();
  EXPECT_TRUE(connection.link.Requests().empty());

  // The broker doesn't accept the id any more. What failed before doesn't make the pauses longer.
  Line& line = lines_.Of("t", 0);
  Add(line, 1);
  line.partition.OnAnswer(*line.partition.NextBatch(now_, 0), Refused(ErrorCode::kInvalidProducerEpoch), 11,
                          now_, 0, 0);
  lines_.List(line);
  Send();
  ASSERT_EQ(Asked(connection), Apis{Api::kInitProducerId});
  const base::Duration pause = DelayAfter(1);
  ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(7)));
  EXPECT_TRUE(lines_.NeedProducerId()) << "the same id again is of no use";
  connections_.SetUnhelpful(std::nullopt);
  Send();
  EXPECT_EQ(requests_.NextSend(), now_ + pause);
  Advance(pause);
  Send();
  ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(8)));
  EXPECT_FALSE(lines_.NeedProducerId());
  EXPECT_EQ(line.partition.Producer().id, 8);
}

TEST_F(ClusterRequestsTest, TheIdZeroIsAnId) {
  Connection& connection = Open();
  ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({1}, {{"t", {{1}}}})));
  ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(0)));
  EXPECT_EQ(lines_.Producer().id, 0);
  EXPECT_FALSE(lines_.NeedProducerId());
}

TEST_F(ClusterRequestsTest, AMissingRightToAProducerIdIsReported) {
  Connection& connection = Open();
  ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({1}, {{"t", {{1}}}})));
  for (const auto error :
       {ErrorCode::kClusterAuthorizationFailed, ErrorCode::kTransactionalIdAuthorizationFailed}) {
    faults_.clear();
    ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(-1, error)));
    EXPECT_EQ(faults_, std::vector<std::string>{"not_authorized the cluster"});
    connections_.SetUnhelpful(std::nullopt);
    Advance(seconds(10));
    Send();
  }
}

TEST_F(ClusterRequestsTest, AnotherBrokerIsAskedForTheProducerId) {
  Connection& connection = Open();
  ASSERT_TRUE(AnswerMetadata(connection, MetadataBody({1}, {{"t", {{1}}}})));
  ASSERT_TRUE(Answer(connection, Api::kInitProducerId, ProducerIdBody(-1, ErrorCode::kUnknownServerError)));
  Advance(seconds(10));
  Send();
  EXPECT_EQ(network_.hosts, (std::vector<std::string>{"boot", "b1"}));
}

// --- settings of topics

TEST_F(ClusterRequestsTest, SettingsAreRequestedOnceAtATime) {
  Connection& leader = Work({kDescribeConfigs});
  Connection& connection = *connections_.Find(1);
  connections_.SetUnhelpful(leader.node);
  const std::string body = Flexible([](wire::Encoder& out) {
    out.Int(int32_t{0});
    out.Count(1);
    out.Int(int16_t{0});
    out.NullString();
    out.Int(int8_t{2});
    out.String("t");
    out.Count(0);
    out.NoTags();
    out.NoTags();
  });
  for (int round = 1; round <= 2; ++round) {
    requests_.RequestConfigs({"t"}, {"cleanup.policy"});
    Send();
    ASSERT_EQ(Asked(connection), Apis{Api::kDescribeConfigs}) << round;
    requests_.RequestConfigs({"t"}, {"cleanup.policy"});
    Send();
    EXPECT_EQ(connection.link.Requests().size(), 1U);
    EXPECT_TRUE(Answer(connection, Api::kDescribeConfigs, body));
    Send();
    ASSERT_EQ(Asked(connection), Apis{Api::kDescribeConfigs}) << "which waited meanwhile";
    EXPECT_TRUE(Answer(connection, Api::kDescribeConfigs, body));
    Send();
    EXPECT_TRUE(connection.link.Requests().empty());
  }
  EXPECT_EQ(configs_, (std::vector<int>{1, 1, 1, 1}));
}

TEST_F(ClusterRequestsTest, SettingsThatDontComeAreReportedAsMissing) {
  Connection& leader = Work({kDescribeConfigs});
  Connection& connection = *connections_.Find(1);
  connections_.SetUnhelpful(leader.node);
  requests_.RequestConfigs({"t"}, {"cleanup.policy"});
  Send();
  requests_.OnNoAnswer(connection.link.Requests().front());
  EXPECT_EQ(configs_, std::vector<int>{-1});
  requests_.RequestConfigs({"t"}, {"cleanup.policy"});
  Send();
  EXPECT_EQ(connection.link.Requests().size(), 2U);
  EXPECT_FALSE(Answer(connection, Api::kDescribeConfigs, "?"));
}

TEST_F(ClusterRequestsTest, ABrokerMayNotSupportTheRequestForSettings) {
  Work();
  requests_.RequestConfigs({"t"}, {"cleanup.policy"});
  Send();
  EXPECT_EQ(configs_, std::vector<int>{-1});
  Send();
  EXPECT_EQ(configs_.size(), 1U);
}

// --- last sequence numbers

TEST_F(ClusterRequestsTest, TheLeaderIsAskedForTheLastSequenceNumber) {
  Connection& leader = Work({kDescribeProducers});
  Line& line = LineOfUnknownNumbers();
  requests_.RequestLastSequence(line, now_);
  requests_.RequestLastSequence(line, now_);
  ASSERT_EQ(Asked(leader), Apis{Api::kDescribeProducers}) << "once";
  metadata_.needed = false;
  ASSERT_TRUE(Answer(leader, Api::kDescribeProducers,
                     LastSequenceBody(ErrorCode::kNone, {{6, 0, 90}, {7, 0, 8}, {9, 0, 91}})));
  EXPECT_FALSE(line.partition.Wanted().last_sequence);
  EXPECT_FALSE(line.last_sequence.pending);
  EXPECT_EQ(line.partition.Producer().epoch, 1) << "the batch is in no log, and its numbers are another's";
  EXPECT_FALSE(metadata_.needed);
}

TEST_F(ClusterRequestsTest, ThatABatchIsInTheLogIsConfirmedByNewMetadata) {
  Connection& leader = Work({kDescribeProducers});
  Line& doubted = lines_.Of("t", 0);
  Add(doubted, 1);
  doubted.partition.OnNoAnswer(*doubted.partition.NextBatch(now_, 0), now_, 0);
  Line& line = LineOfUnknownNumbers();
  requests_.RequestLastSequence(line, now_);
  metadata_.needed = false;
  ASSERT_TRUE(Answer(leader, Api::kDescribeProducers, LastSequenceBody(ErrorCode::kNone, {{7, 0, 0}})));
  EXPECT_TRUE(line.partition.Wanted().topic_id);
  EXPECT_TRUE(metadata_.needed);
  EXPECT_EQ(line.confirmed_after, metadata_.sent);

  connections_.SetUnhelpful(-2);
  Send();
  ASSERT_EQ(Asked(leader), Apis{Api::kMetadata});
  ASSERT_TRUE(
      AnswerMetadata(leader, MetadataBody({1}, {{"t", {{}, 1, ErrorCode::kTopicAuthorizationFailed}}})));
  EXPECT_TRUE(line.partition.Wanted().topic_id) << "it doesn't have the topic";
  EXPECT_TRUE(metadata_.needed);
  Advance(seconds(10));
  connections_.SetUnhelpful(-2);
  Send();
  ASSERT_TRUE(AnswerMetadata(leader, MetadataBody({1}, {{"t", {{1}}}})));
  EXPECT_FALSE(line.partition.Wanted().topic_id);
  EXPECT_EQ(line.partition.Producer().epoch, 0) << "so the batch is sent again as it was";
}

TEST_F(ClusterRequestsTest, ALeaderThatCantSayYetIsAskedAgain) {
  Connection& leader = Work({kDescribeProducers});
  Line& line = LineOfUnknownNumbers();
  for (uint32_t failures = 1; failures < ClusterRequests::kRequestFailuresMax; ++failures) {
    requests_.RequestLastSequence(line, now_);
    ASSERT_EQ(Asked(leader), Apis{Api::kDescribeProducers}) << failures;
    const base::Duration pause = DelayAfter(failures);
    metadata_.needed = false;
    ASSERT_TRUE(Answer(leader, Api::kDescribeProducers, LastSequenceBody(ErrorCode::kRequestTimedOut, {})));
    EXPECT_TRUE(metadata_.needed) << "there may be another leader";
    EXPECT_TRUE(line.partition.Wanted().last_sequence);
    EXPECT_EQ(line.last_sequence.failures, failures);
    EXPECT_EQ(line.last_sequence.not_before, now_ + pause);
    metadata_.needed = false;
    Send();
    requests_.RequestLastSequence(line, now_ + pause - base::Duration(1));
    EXPECT_TRUE(leader.link.Requests().empty());
    EXPECT_EQ(requests_.NextSend(), now_ + pause);
    Advance(pause);
  }
  requests_.RequestLastSequence(line, now_);
  ASSERT_TRUE(Answer(leader, Api::kDescribeProducers, LastSequenceBody(ErrorCode::kRequestTimedOut, {})));
  EXPECT_FALSE(line.partition.Wanted().last_sequence) << "it goes on without";
  EXPECT_EQ(line.partition.Producer().epoch, 1);
  EXPECT_EQ(line.last_sequence.failures, 0U);
}

TEST_F(ClusterRequestsTest, ALeaderThatNeverSaysIsNotAskedAgain) {
  Connection& leader = Work({kDescribeProducers});
  int16_t epoch = 0;
  for (const auto error : {ErrorCode::kTopicAuthorizationFailed, ErrorCode::kUnsupportedVersion}) {
    Line& line = LineOfUnknownNumbers();
    requests_.RequestLastSequence(line, now_);
    ASSERT_TRUE(Answer(leader, Api::kDescribeProducers, LastSequenceBody(error, {})));
    EXPECT_FALSE(line.partition.Wanted().last_sequence) << static_cast<int>(error);
    EXPECT_EQ(line.partition.Producer().epoch, ++epoch);
  }
}

TEST_F(ClusterRequestsTest, ABrokerBeforeKafka28CantBeAskedForSequenceNumbers) {
  Connection& leader = Work();
  Line& line = LineOfUnknownNumbers();
  requests_.RequestLastSequence(line, now_);
  EXPECT_TRUE(leader.link.Requests().empty());
  EXPECT_FALSE(line.partition.Wanted().last_sequence);
  EXPECT_EQ(line.partition.Producer().epoch, 1);
}

TEST_F(ClusterRequestsTest, ALeaderThatPausesIsAskedLater) {
  Connection& leader = Work({kDescribeProducers});
  Line& line = LineOfUnknownNumbers();
  metadata_.answered_at = now_;
  metadata_.needed = false;
  connections_.Pause(leader, 5'000, now_);
  Send();
  requests_.RequestLastSequence(line, now_);
  EXPECT_TRUE(leader.link.Requests().empty());
  EXPECT_EQ(requests_.NextSend(), now_ + seconds(5));
  Advance(seconds(5));
  requests_.RequestLastSequence(line, now_);
  EXPECT_EQ(Asked(leader), Apis{Api::kDescribeProducers});
}

TEST_F(ClusterRequestsTest, AFormerLeadersSequenceNumberIsPassedOver) {
  Connection& leader = Work({kDescribeProducers});
  for (const bool again : {false, true}) {
    Line& line = LineOfUnknownNumbers();
    requests_.RequestLastSequence(line, now_);
    line.partition.OnLeader(again ? 3 : 2, again ? 3 : 2, kTopicId, now_);
    ASSERT_FALSE(line.partition.Wanted().last_sequence);
    if (again) LineOfUnknownNumbers();  // the new leader doesn't know them either
    ASSERT_TRUE(Answer(leader, Api::kDescribeProducers, LastSequenceBody(ErrorCode::kNone, {{7, 0, 8}})));
    EXPECT_FALSE(line.last_sequence.pending);
    EXPECT_EQ(line.partition.Wanted().last_sequence, again);
    EXPECT_EQ(line.partition.Producer().epoch, 0);
    if (!again) line.partition.OnLeader(1, 3, kTopicId, now_);
  }
}

TEST_F(ClusterRequestsTest, TheLastSequenceNumberIsRequestedAgainWhenTheConnectionEnds) {
  Connection& leader = Work({kDescribeProducers});
  Line& line = LineOfUnknownNumbers();
  requests_.RequestLastSequence(line, now_);
  EXPECT_TRUE(line.last_sequence.pending);
  requests_.OnNoAnswer(leader.link.Requests().front());
  EXPECT_FALSE(line.last_sequence.pending);
  requests_.RequestLastSequence(line, now_);
  EXPECT_EQ(leader.link.Requests().size(), 2U);
}

}  // namespace
}  // namespace ei::kafka::native
