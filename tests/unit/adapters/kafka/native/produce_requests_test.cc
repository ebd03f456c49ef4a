#include "adapters/kafka/native/produce_requests.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "unit/adapters/kafka/native/producer_parts.h"

namespace ei::kafka::native {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

class ProduceRequestsTest : public ProducerPartsTest {
 protected:
  ProduceRequestsTest() {
    for (const std::string topic : {"t", "u"}) cluster_.Watch(topic);
    const std::string body = MetadataBody({1}, {{"t", {{1, 1, 1, 1, 1, 1, 1}}}, {"u", {{1}, 1, {}, {2, 2}}}});
    EXPECT_TRUE(cluster_.Update(1, *wire::ReadMetadata(13, body)));
    lines_.OnProducerId({7, 0});
  }

  Connection& Open(bool slow = false) {
    Connection& connection = *connections_.Reach(1, slow, now_);
    MakeReady(connection);
    return connection;
  }
  Line& Filled(int32_t partition, uint64_t token, size_t bytes = 5) {
    Line& line = lines_.Of("t", partition);
    Add(line, token, bytes);
    return line;
  }
  // The value of a record that makes its batch this large.
  size_t ValueOf(size_t batch_bytes) {
    Line& line = lines_.Of("u", 0);
    Add(line, 0, batch_bytes - 100);
    const size_t found = line.partition.NextBytes();
    line.partition.GiveBack();
    return batch_bytes - 100 + (batch_bytes - found);
  }
  base::SteadyTime Send(Connection& connection, std::vector<Line*>& lines) {
    return requests_->Send(connection, lines, now_, 0);
  }
  // The oldest request ends without an answer that can be used.
  ProduceRequests::Request Take(Connection& connection, std::optional<base::Duration> waited) {
    Link::Request request = connection.link.Requests().front();
    Write(connection);
    connection.link.OnBytes(Framed(request.correlation_id, ""), now_,
                            [](const Link::Request&, std::string_view) {});
    request.waited = waited;
    return requests_->Take(request);
  }

  std::optional<ProduceRequests> requests_{ProduceRequests::Options()};
};

TEST_F(ProduceRequestsTest, ARequestHasTheNextBatchOfEachPartition) {
  Connection& connection = Open();
  std::vector<Line*> lines = {&Filled(0, 1), &Filled(1, 2), &Filled(2, 3)};
  Add(*lines[0], 4);  // waits until the first one is acknowledged
  EXPECT_EQ(Send(connection, lines), base::SteadyTime::max());
  EXPECT_TRUE(lines.empty());
  ASSERT_EQ(connection.link.Requests().size(), 1U);
  EXPECT_EQ(connection.link.Requests()[0].api, wire::Api::kProduce);
  EXPECT_EQ(connection.link.Requests()[0].timeout, milliseconds(12'500)) << "longer than the broker's";
  EXPECT_EQ(connection.sent_at, now_);
  EXPECT_EQ(requests_->RecordsOut(), 3U);
  Advance(seconds(1));
  const auto sent = Take(connection, milliseconds(10));
  EXPECT_EQ(sent.batches.size(), 3U);
  EXPECT_EQ(sent.records, 3U);
  EXPECT_EQ(sent.sent_at, now_ - seconds(1));
  EXPECT_FALSE(sent.alone);
  EXPECT_EQ(requests_->RecordsOut(), 0U);
}

TEST_F(ProduceRequestsTest, NothingIsSentBeforeTheConnectionIsReady) {
  Connection& connection = *connections_.Reach(1, false, now_);
  std::vector<Line*> lines = {&Filled(0, 1)};
  EXPECT_EQ(Send(connection, lines), base::SteadyTime::max());
  EXPECT_EQ(lines.size(), 1U);
  EXPECT_EQ(requests_->RecordsOut(), 0U);
}

TEST_F(ProduceRequestsTest, ASmallRequestWaitsForMoreWhileAnotherIsOut) {
  Connection& connection = Open();
  std::vector<Line*> lines = {&Filled(0, 1)};
  Send(connection, lines);
  const base::SteadyTime until = now_ + ProduceRequests::kGather;
  Advance(ProduceRequests::kGather - base::Duration(1));
  lines = {&Filled(1, 2)};
  EXPECT_EQ(Send(connection, lines), until);
  EXPECT_EQ(lines.size(), 1U);
  Advance(base::Duration(1));
  EXPECT_EQ(Send(connection, lines), base::SteadyTime::max());
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(connection.link.Requests().size(), 2U);
}

TEST_F(ProduceRequestsTest, ALargeRequestDoesNotWait) {
  Connection& connection = Open();
  std::vector<Line*> lines = {&Filled(0, 1)};
  Send(connection, lines);
  const size_t half = ProduceRequests::kSmallBytes / 2;
  lines = {&Filled(1, 2, ValueOf(half)), &Filled(2, 3, ValueOf(half - 1))};
  EXPECT_EQ(Send(connection, lines), now_ + ProduceRequests::kGather);
  EXPECT_EQ(connection.link.Requests().size(), 1U);
  Filled(2, 3).partition.GiveBack();
  lines = {&Filled(1, 2), &Filled(2, 3, ValueOf(half))};
  EXPECT_EQ(Send(connection, lines), base::SteadyTime::max());
  EXPECT_EQ(connection.link.Requests().size(), 2U);
}

TEST_F(ProduceRequestsTest, ARequestIsBoundedUnlessItHasOneBatch) {
  Connection& connection = Open();
  std::vector<Line*> lines = {&Filled(0, 1), &Filled(1, 2), &Filled(2, 3), &Filled(3, 4, 500)};
  const size_t bytes = lines[0]->partition.NextBytes();
  requests_.emplace(ProduceRequests::Options{.bytes_max = 2 * bytes});
  Send(connection, lines);
  ASSERT_EQ(connection.link.Requests().size(), 1U);
  EXPECT_EQ(requests_->RecordsOut(), 2U);
  for (const uint64_t records : {3U, 4U}) {
    Advance(ProduceRequests::kGather);
    Send(connection, lines);
    EXPECT_EQ(requests_->RecordsOut(), records);
  }
  EXPECT_EQ(connection.link.Requests().size(), 3U);
  EXPECT_TRUE(lines.empty());
}

TEST_F(ProduceRequestsTest, FiveRequestsAreOutAtMost) {
  requests_.emplace(ProduceRequests::Options{.bytes_max = 1});
  Connection& connection = Open();
  std::vector<Line*> lines;
  for (int32_t i = 0; i < 7; ++i) lines.push_back(&Filled(i, static_cast<uint64_t>(i), 100'000));
  EXPECT_EQ(Send(connection, lines), base::SteadyTime::max());
  EXPECT_EQ(connection.link.Requests().size(), 5U);
  EXPECT_EQ(lines.size(), 2U);
  EXPECT_EQ(requests_->RecordsOut(), 5U);
  Take(connection, milliseconds(1));
  Send(connection, lines);
  EXPECT_EQ(connection.link.Requests().size(), 5U);
  EXPECT_EQ(lines.size(), 1U);
}

TEST_F(ProduceRequestsTest, ASlowPartitionsBatchIsSentAlone) {
  Connection& connection = Open(/*slow=*/true);
  std::vector<Line*> lines = {&Filled(0, 1, 100'000), &Filled(1, 2, 100'000)};
  EXPECT_EQ(Send(connection, lines), base::SteadyTime::max());
  EXPECT_EQ(connection.link.Requests().size(), 1U);
  EXPECT_EQ(lines.size(), 1U);
  EXPECT_EQ(requests_->RecordsOut(), 1U);
  EXPECT_TRUE(Take(connection, milliseconds(1)).alone);
  Send(connection, lines);
  EXPECT_TRUE(lines.empty());
}

TEST_F(ProduceRequestsTest, PartitionsOfASlowRequestAreSlowUntilEachIsFastAlone) {
  Connection& connection = Open();
  Line& first = Filled(0, 1);
  Line& second = Filled(1, 2);
  std::vector<Line*> lines = {&first, &second};
  Send(connection, lines);
  Take(connection, BrokerConnections::kSlow - base::Duration(1));
  EXPECT_FALSE(first.slow || second.slow);

  lines = {&Filled(2, 3), &Filled(3, 4)};
  Send(connection, lines);
  Take(connection, std::nullopt);
  EXPECT_FALSE(lines_.Of("t", 2).slow) << "nothing is known of it";

  lines = {&Filled(4, 5), &Filled(5, 6)};
  Send(connection, lines);
  Take(connection, BrokerConnections::kSlow);
  EXPECT_TRUE(lines_.Of("t", 4).slow && lines_.Of("t", 5).slow);

  Line& alone = Filled(6, 7);
  alone.slow = true;
  lines = {&alone};
  Send(connection, lines);
  Take(connection, milliseconds(1));
  EXPECT_TRUE(alone.slow) << "the request went on the connection for all";
  Connection& other = Open(/*slow=*/true);
  lines = {&Filled(0, 8)};
  first.partition.OnNoAnswer(first.partition.Queue()[0], now_, 0);
  first.slow = true;
  Advance(seconds(1));
  Send(other, lines);
  Take(other, milliseconds(1));
  EXPECT_FALSE(first.slow);
}

TEST_F(ProduceRequestsTest, AnswersAreMatchedInAnyOrder) {
  const wire::TopicId t = kTopicId;
  Line& other = lines_.Of("u", 0);
  Add(other, 9);
  std::vector<Line*> lines = {&Filled(0, 1), &Filled(1, 2), &Filled(2, 3), &other};
  Connection& connection = Open();
  Send(connection, lines);
  ProduceRequests::Request request = Take(connection, std::nullopt);
  const auto of = [](int32_t index) {
    wire::PartitionProduced partition;
    partition.index = index;
    partition.base_offset = 100 + index;
    return partition;
  };
  const auto offsets = [&] {
    std::vector<int64_t> found;
    for (ProduceRequests::Sent& sent : request.batches) {
      found.push_back(sent.answer == nullptr ? -1 : sent.answer->base_offset);
      sent.answer = nullptr;
    }
    return found;
  };
  wire::ProduceResponse by_name;
  by_name.topics = {{"u", {}, {of(0)}}, {"v", {}, {of(0)}}, {"t", {}, {of(5), of(1), of(0)}}};
  by_name.topics[0].partitions[0].base_offset = 7;
  ProduceRequests::Match(request, by_name);
  EXPECT_EQ(offsets(), (std::vector<int64_t>{100, 101, -1, 7}));
  wire::ProduceResponse by_id;
  by_id.topics = {{"", {9, 9}, {of(0)}}, {"", t, {of(2)}}, {"", {2, 2}, {of(0)}}};
  ProduceRequests::Match(request, by_id);
  EXPECT_EQ(offsets(), (std::vector<int64_t>{-1, -1, 102, 100}));
}

}  // namespace
}  // namespace ei::kafka::native
