#include "adapters/kafka/native/producer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "unit/adapters/kafka/native/producer_parts.h"

namespace ei::kafka::native {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using wire::Api;
using wire::ErrorCode;
using Apis = std::vector<Api>;

// Keeps what is written until the test answers it.
class KeepingNetwork final : public Network {
 public:
  struct Request {
    Api api{};
    int32_t correlation_id = 0;
  };
  void Connect(uint64_t connection, const std::string& host, uint16_t) override {
    hosts[connection] = host;
    open.insert(connection);
  }
  void Write(uint64_t connection, Outgoing out) override {
    wire::Decoder in(out.bytes, false);
    in.Int<int32_t>();
    const auto api = static_cast<Api>(in.Int<int16_t>());
    in.Int<int16_t>();
    written[connection].push_back({api, in.Int<int32_t>()});
    on_written(connection);
  }
  void Close(uint64_t connection) override { open.erase(connection); }

  std::map<uint64_t, std::string> hosts;
  std::set<uint64_t> open;
  std::map<uint64_t, std::vector<Request>> written;
  std::function<void(uint64_t)> on_written;
};

// One decision of the producer each. All together are tested with simulated brokers in
// tests/simulation/kafka_producer_test.cc.
class ProducerTest : public ProducerPartsTest {
 protected:
  ProducerTest() {
    net_.on_written = [this](uint64_t connection) { producer_.OnWritten(connection); };
  }
  static Producer::Options Options() {
    Producer::Options options;
    options.connections = Bootstrap();
    return options;
  }
  void OnProduced(const std::string& where, base::Duration took) override {
    produced_.emplace_back(where, took);
  }
  void OnPause(const std::string&, base::Duration pause) override { pauses_.push_back(pause); }
  void OnWriting() override { written_at_.push_back(net_.written.size()); }

  void Turn() { producer_.Turn(now_); }
  void Bytes(uint64_t connection, const std::string& bytes) {
    producer_.OnBytes(connection, bytes, now_, wall_ms_);
  }
  void Connected(uint64_t connection) {
    producer_.OnConnected(connection, now_);
    Turn();
    Answer(connection, Api::kApiVersions, VersionsBody(4, ErrorCode::kNone, 12));
    Turn();
  }
  Apis Asked(uint64_t connection) {
    Apis asked;
    for (const auto& request : net_.written[connection]) asked.push_back(request.api);
    return asked;
  }
  // The oldest request is answered.
  void Answer(uint64_t connection, Api api, const std::string& body) {
    auto& requests = net_.written[connection];
    ASSERT_FALSE(requests.empty());
    ASSERT_EQ(requests[0].api, api);
    const int32_t id = requests[0].correlation_id;
    requests.erase(requests.begin());
    Bytes(connection, Framed(id, body));
  }
  // The topic has this many partitions, all led by broker 1, to which the connection 2 is ready.
  void Work(size_t partitions) {
    producer_.Watch("t");
    Turn();
    Connected(1);
    Answer(1, Api::kMetadata, MetadataBody({1, 2}, {{"t", {std::vector<int32_t>(partitions, 1)}}}));
    Answer(1, Api::kInitProducerId, ProducerIdBody(7));
    Put(0, 100);
    Turn();
    Connected(2);
    AnswerProduce(2, {{.index = 0, .base_offset = 50}});
    Turn();
    EXPECT_EQ(delivered_, std::vector<uint64_t>{100});
    delivered_.clear();
    produced_.clear();
  }
  Line& Put(int32_t partition, uint64_t token) {
    Line& line = producer_.LineOf("t", partition);
    Add(line, token);
    producer_.Filled(line);
    return line;
  }
  struct Produced {
    int32_t index = 0;
    ErrorCode error = ErrorCode::kNone;
    int64_t base_offset = -1;
    std::optional<wire::LeaderHint> leader = std::nullopt;
  };
  void AnswerProduce(uint64_t connection, const std::vector<Produced>& partitions, int32_t throttle_ms = 0) {
    Answer(connection, Api::kProduce, Flexible([&](wire::Encoder& out) {
             out.Count(1);
             out.String("t");
             out.Count(partitions.size());
             for (const Produced& partition : partitions) {
               out.Int(partition.index);
               out.Int(static_cast<int16_t>(partition.error));
               out.Int(partition.base_offset);
               out.Int(int64_t{-1});
               out.Int(int64_t{0});
               out.Count(0);
               out.NullString();
               if (partition.leader) {
                 out.UnsignedVarint(1);
                 out.UnsignedVarint(0);
                 out.UnsignedVarint(9);
                 out.Int(partition.leader->node);
                 out.Int(partition.leader->epoch);
               }
               out.NoTags();
             }
             out.NoTags();
             out.Int(throttle_ms);
             out.NoTags();
           }));
  }

  KeepingNetwork net_;
  int64_t wall_ms_ = 1'700'000'000'000;
  std::vector<std::pair<std::string, base::Duration>> produced_;
  std::vector<base::Duration> pauses_;
  std::vector<size_t> written_at_;
  Producer producer_{Options(), net_, *this, 1};
};

TEST_F(ProducerTest, ATopicIsWatchedOnce) {
  EXPECT_EQ(producer_.PartitionsOf("t"), 0U);
  Work(3);
  EXPECT_EQ(producer_.PartitionsOf("t"), 3U);
  EXPECT_EQ(topics_.size(), 1U);
  Advance(seconds(10));
  producer_.Watch("t");
  Turn();
  EXPECT_TRUE(Asked(1).empty() && Asked(2).empty());
  producer_.Watch("u");
  EXPECT_LE(producer_.NextTurn(), now_);
  Turn();
  EXPECT_EQ(Asked(1).size() + Asked(2).size(), 1U);
}

TEST_F(ProducerTest, ATurnIsDueAtOnceAfterWhatChangesSomething) {
  Work(1);
  const auto due = [this] {
    const bool now = producer_.NextTurn() <= now_;
    Turn();
    EXPECT_GT(producer_.NextTurn(), now_);
    return now;
  };
  EXPECT_FALSE(due());
  producer_.OnCredentials();
  EXPECT_TRUE(due());
  producer_.RequestConfigs({}, {});
  EXPECT_TRUE(due());
  Bytes(1, "");
  EXPECT_FALSE(due()) << "the connection has ended with the old credentials";
}

TEST_F(ProducerTest, ABrokerGetsASecondConnectionOnlyForSlowPartitions) {
  Work(2);
  Put(0, 1);
  Put(1, 2);
  Turn();
  EXPECT_EQ(Asked(2), Apis{Api::kProduce});
  EXPECT_EQ(net_.hosts.size(), 2U);
  Advance(seconds(1));
  AnswerProduce(2, {{.index = 0, .base_offset = 1}, {.index = 1, .base_offset = 2}});
  EXPECT_EQ(delivered_.size(), 2U);
  EXPECT_EQ(produced_, (std::vector<std::pair<std::string, base::Duration>>{{"b1:9092", seconds(1)}}));
  Turn();
  EXPECT_EQ(net_.hosts.size(), 2U) << "nothing is to be sent";
  Put(0, 3);
  Turn();
  EXPECT_EQ(net_.hosts.size(), 3U) << "their last request was slow";
  EXPECT_EQ(net_.hosts[3], "b1");
  EXPECT_TRUE(Asked(2).empty());
}

TEST_F(ProducerTest, PartitionsTakeTurnsToBeFirst) {
  Work(3);
  std::vector<uint64_t> first;
  for (int round = 0; round < 4; ++round) {
    for (int32_t i = 0; i < 3; ++i) Put(i, static_cast<uint64_t>(i));
    Turn();
    AnswerProduce(2, {{.index = 0}, {.index = 1}, {.index = 2}});
    first.push_back(delivered_.at(0));
    delivered_.clear();
  }
  std::ranges::sort(first);
  EXPECT_EQ(std::ranges::unique(first).begin() - first.begin(), 3) << "each was first once";
}

TEST_F(ProducerTest, NothingIsSentToABrokerThatPauses) {
  Work(1);
  Put(0, 1);
  Turn();
  AnswerProduce(2, {{.index = 0}}, 5'000);
  EXPECT_EQ(pauses_, std::vector<base::Duration>{seconds(5)});
  Put(0, 2);
  Turn();
  EXPECT_TRUE(Asked(2).empty());
  EXPECT_EQ(producer_.NextTurn(), now_ + seconds(5));
  Advance(seconds(5));
  Turn();
  EXPECT_EQ(Asked(2), Apis{Api::kProduce});
}

TEST_F(ProducerTest, NotesAreWrittenBeforeTheRequest) {
  Work(1);
  written_at_.clear();
  Put(0, 1);
  net_.written.clear();
  Turn();
  EXPECT_EQ(written_at_, std::vector<size_t>{0}) << "nothing was written yet";
  EXPECT_EQ(Asked(2), Apis{Api::kProduce});
  EXPECT_EQ(producer_.RecordsOut(), 1U);
}

TEST_F(ProducerTest, ALeaderInAnAnswerIsUsedAtOnce) {
  Work(1);
  Line& line = Put(0, 1);
  Turn();
  AnswerProduce(2, {{.index = 0,
                     .error = ErrorCode::kNotLeaderOrFollower,
                     .leader = wire::LeaderHint{.node = 2, .epoch = 9}}});
  EXPECT_EQ(line.partition.Leader(), 2);
  Advance(seconds(1));
  Turn();
  EXPECT_EQ(net_.hosts[3], "b2");
  EXPECT_EQ(producer_.LineOf("t", 1).partition.Leader(), -1);
}

TEST_F(ProducerTest, ABatchWithoutAnAnswerOfItsOwnIsSentAgain) {
  Work(2);
  Put(0, 1);
  Put(1, 2);
  Turn();
  AnswerProduce(2, {{.index = 1}});
  EXPECT_EQ(delivered_, std::vector<uint64_t>{2});
  EXPECT_EQ(faults_, std::vector<std::string>{"kafka_unavailable"});
  EXPECT_EQ(producer_.RecordsOut(), 0U);
  Advance(seconds(1));
  Turn();
  const Apis asked = Asked(2);
  EXPECT_EQ(std::ranges::count(asked, Api::kProduce), 1);
  EXPECT_EQ(std::ranges::count(asked, Api::kMetadata) + static_cast<int>(Asked(1).size()), 1)
      << "there may be another leader";
}

TEST_F(ProducerTest, AnAnswerThatCantBeReadEndsTheConnection) {
  Work(1);
  Put(0, 1);
  Turn();
  Answer(2, Api::kProduce, "?");
  EXPECT_EQ(producer_.RecordsOut(), 0U);
  Turn();
  EXPECT_EQ(net_.open, (std::set<uint64_t>{1}));
  EXPECT_EQ(faults_, (std::vector<std::string>{"kafka_unavailable", "not_kafka b1:9092"}));
}

TEST_F(ProducerTest, ABatchThatABrokerCantReadIsSentOnAnotherConnectionOnce) {
  Work(1);
  Put(0, 1);
  Turn();
  AnswerProduce(2, {{.index = 0, .error = ErrorCode::kCorruptMessage}});
  Turn();
  EXPECT_EQ(net_.open, (std::set<uint64_t>{1}));
  Advance(seconds(20));
  Turn();
  Turn();
  ASSERT_TRUE(net_.open.contains(3));
  Connected(3);
  Advance(seconds(1));
  Turn();
  ASSERT_EQ(Asked(3), Apis{Api::kProduce});
  AnswerProduce(3, {{.index = 0, .error = ErrorCode::kCorruptMessage}});
  Turn();
  EXPECT_TRUE(net_.open.contains(3));
}

TEST_F(ProducerTest, BatchesOfAClosedConnectionAreSentAgain) {
  Work(1);
  Put(0, 1);
  Turn();
  EXPECT_EQ(producer_.RecordsOut(), 1U);
  producer_.OnClosed(2, "reset", now_);
  producer_.OnClosed(9, "there is no such connection", now_);
  EXPECT_EQ(producer_.RecordsOut(), 0U);
  EXPECT_LE(producer_.NextTurn(), now_);
  EXPECT_EQ(net_.open, (std::set<uint64_t>{1}));
  Advance(seconds(1));
  Turn();
  EXPECT_EQ(net_.hosts[3], "b1");
}

TEST_F(ProducerTest, ABatchGetsTheTimeOfItsRequestIfItIsOld) {
  Work(1);
  Line& line = producer_.LineOf("t", 0);
  const Batch& batch = Add(line, 1);
  producer_.Filled(line);
  Advance(milliseconds(250));
  Turn();
  EXPECT_EQ(batch.records.TimestampMs(), wall_ms_ + 250) << "counted from the last bytes";
}

}  // namespace
}  // namespace ei::kafka::native
