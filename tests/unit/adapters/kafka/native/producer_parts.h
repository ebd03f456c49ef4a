#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/kafka/native/broker_connections.h"
#include "adapters/kafka/native/lines.h"
#include "adapters/kafka/native/producer_listener.h"
#include "unit/adapters/kafka/native/versions_answer.h"

namespace ei::kafka::native {

class SilentNetwork final : public Network {
 public:
  void Connect(uint64_t connection, const std::string& host, uint16_t) override {
    open.insert(connection);
    hosts.push_back(host);
  }
  void Write(uint64_t, Outgoing) override {}
  void Close(uint64_t connection) override { open.erase(connection); }

  std::set<uint64_t> open;
  std::vector<std::string> hosts;  // in the order of the connections
};

// What the parts of a producer share, and the answers of brokers, which the test writes itself. The producer
// as a whole is tested with simulated brokers in tests/simulation/kafka_producer_test.cc.
class ProducerPartsTest : public ::testing::Test, protected ProducerListener {
 protected:
  static constexpr wire::TopicId kTopicId = {1, 1};
  static constexpr std::pair<int16_t, int16_t> kDescribeConfigs = {32, 4};
  static constexpr std::pair<int16_t, int16_t> kDescribeProducers = {61, 0};

  void OnDelivered(const Partition&, const Batch& batch, int64_t, bool) override {
    for (const uint64_t token : batch.tokens) delivered_.push_back(token);
  }
  void OnRejected(const Partition&, std::unique_ptr<Batch>, std::string_view,
                  std::span<const std::string>) override {}
  void OnRetried(uint32_t) override {}
  void OnPossibleRepeats(uint32_t) override {}
  void OnPartitionFault(const Partition&, std::string_view code, std::string_view) override {
    faults_.emplace_back(code);
  }
  void OnNumbered(const Partition&, const Batch&) override {}
  void OnNumbersVoid(const Partition&, const Batch&) override {}
  void OnBrokerFault(std::string_view code, const std::string& where, std::string_view) override {
    faults_.push_back(std::string(code) + " " + where);
  }
  void OnContact(const std::string&) override {}
  void OnRefused(const std::string&, std::string_view) override {}
  void OnProduced(const std::string&, base::Duration) override {}
  void OnPause(const std::string&, base::Duration) override {}
  void OnWriting() override {}
  void OnPartitionGone(const Partition& partition, Batches) override { gone_.push_back(partition.Index()); }
  void OnTopic(const std::string& topic, const ClusterView::Topic& view) override {
    topics_.emplace_back(topic, view.error);
  }
  void OnTopicConfigs(const wire::DescribeConfigsResponse* response) override {
    configs_.push_back(response == nullptr ? -1 : static_cast<int>(response->topics.size()));
  }

  void Advance(base::Duration time) { now_ += time; }
  // The network has connected, and the broker has answered.
  void MakeReady(Connection& connection, const std::vector<std::pair<int16_t, int16_t>>& more = {}) {
    connection.link.OnConnected(now_);
    Write(connection);
    connection.link.OnBytes(Framed(0, VersionsBody(4, wire::ErrorCode::kNone, 13, more)), now_,
                            [](const Link::Request&, std::string_view) { FAIL(); });
    ASSERT_TRUE(connection.link.Ready());
    connections_.Check(now_);
  }
  static void Write(Connection& connection) {
    while (!connection.link.Take().Empty()) connection.link.OnWritten();
  }
  // The requests of the connection that aren't answered.
  static std::vector<wire::Api> Asked(const Connection& connection) {
    std::vector<wire::Api> asked;
    for (const Link::Request& request : connection.link.Requests()) asked.push_back(request.api);
    return asked;
  }

  // The body of an answer to a flexible request.
  template <typename Fill>
  static std::string Flexible(Fill fill) {
    std::string body;
    wire::Encoder out(body, true);
    out.NoTags();
    fill(out);
    return body;
  }
  struct TopicAnswer {
    std::vector<int32_t> leaders;  // by partition
    int32_t epoch = 1;
    wire::ErrorCode error = wire::ErrorCode::kNone;
    wire::TopicId id = kTopicId;
  };
  // The brokers have the addresses b1:9092, b2:9092 and so on.
  static std::string MetadataBody(const std::vector<int32_t>& brokers,
                                  const std::map<std::string, TopicAnswer>& topics,
                                  wire::ErrorCode error = wire::ErrorCode::kNone) {
    return Flexible([&](wire::Encoder& out) {
      out.Int(int32_t{0});
      out.Count(brokers.size());
      for (const int32_t broker : brokers) {
        out.Int(broker);
        out.String("b" + std::to_string(broker));
        out.Int(int32_t{9092});
        out.NullString();
        out.NoTags();
      }
      out.String("cluster");
      out.Int(int32_t{1});
      out.Count(topics.size());
      for (const auto& [name, topic] : topics) {
        out.Int(static_cast<int16_t>(topic.error));
        out.String(name);
        out.Id(topic.id);
        out.Bool(false);
        out.Count(topic.leaders.size());
        int32_t index = 0;
        for (const int32_t leader : topic.leaders) {
          out.Int(int16_t{0});
          out.Int(index++);
          out.Int(leader);
          out.Int(topic.epoch);
          for (int i = 0; i < 3; ++i) out.Count(0);
          out.NoTags();
        }
        out.Int(int32_t{0});
        out.NoTags();
      }
      out.Int(static_cast<int16_t>(error));
      out.NoTags();
    });
  }
  static std::string ProducerIdBody(int64_t id, wire::ErrorCode error = wire::ErrorCode::kNone) {
    return Flexible([&](wire::Encoder& out) {
      out.Int(int32_t{0});
      out.Int(static_cast<int16_t>(error));
      out.Int(id);
      out.Int(int16_t{0});
      out.NoTags();
    });
  }

  // Adds a batch of one record.
  static Batch& Add(Line& line, uint64_t token, size_t bytes = 5) {
    Batch& batch = line.partition.Queue().Open(1, 0, false, wire::Codec::kNone, {}, 0);
    batch.records.Append(std::nullopt, std::string(bytes, 'v'), {});
    batch.tokens.push_back(token);
    ei::AppendRun(batch.runs, {{}, 0, 1, 10});
    return batch;
  }

  static BrokerConnections::Options Bootstrap() {
    BrokerConnections::Options options;
    options.bootstrap = {{"boot", 9092}};
    return options;
  }

  ClusterView cluster_;
  MetadataRequest metadata_;
  SilentNetwork network_;
  std::mt19937_64 random_{1};
  base::SteadyTime now_{std::chrono::hours(1)};
  Lines lines_{{}, cluster_, *this};
  BrokerConnections connections_{Bootstrap(), cluster_, metadata_, network_, *this, random_};

  std::vector<uint64_t> delivered_;
  std::vector<std::string> faults_;
  std::vector<int32_t> gone_;
  std::vector<std::pair<std::string, wire::ErrorCode>> topics_;
  std::vector<int> configs_;  // by answer: topics; -1: there was no answer
};

}  // namespace ei::kafka::native
