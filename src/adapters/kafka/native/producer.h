#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/kafka/native/broker_connections.h"
#include "adapters/kafka/native/cluster_view.h"
#include "adapters/kafka/native/lines.h"
#include "adapters/kafka/native/link.h"
#include "adapters/kafka/native/network.h"
#include "adapters/kafka/native/partition.h"
#include "adapters/kafka/native/produce_requests.h"
#include "adapters/kafka/native/producer_listener.h"
#include "adapters/kafka/native/retried_request.h"
#include "base/time.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

// An idempotent producer (acks=all) on the connections of a Network: follows the cluster's metadata, sends
// each partition's batches to its leader, and makes the requests that partitions need.
// The timeout of a request starts when the request before it was answered. While a broker asks for a pause,
// it gets no requests and no timeout runs.
//
// It does no I/O and has no clock: the owner passes in network events and then calls Turn, and calls Turn
// again at NextTurn at the latest. One thread.
class Producer final {
 public:
  // Timeout of a request that any broker can answer, unless request_timeout is shorter.
  static constexpr base::Duration kRequestTime = std::chrono::seconds(10);
  // After this many temporary errors in a row a leader is treated as one that doesn't report last sequence
  // numbers.
  static constexpr uint32_t kRequestFailuresMax = 10;

  struct Options {
    BrokerConnections::Options connections;
    Partition::Options partition;
    ProduceRequests::Options produce;
    base::Duration request_timeout = std::chrono::seconds(10);  // of all other requests
    base::Duration metadata_age = std::chrono::minutes(5);
    RetryPolicy request_retry{std::chrono::milliseconds(50), std::chrono::seconds(5), 0};
  };

  // Network and listener must outlive the producer.
  Producer(Options options, Network& network, ProducerListener& listener, uint64_t seed);

  // --- for the owner

  // Follows the topic's metadata; OnTopic reports it. The caller bounds the number of topics.
  void Watch(const std::string& topic);
  // 0: unknown, or the topic doesn't exist any more.
  uint32_t PartitionsOf(const std::string& topic) const {
    const ClusterView::Topic* const known = cluster_.Find(topic);
    return known == nullptr || known->Missing() ? 0 : static_cast<uint32_t>(known->partitions.size());
  }
  // Returns a partition of a watched topic; the reference stays valid. After appending to its batches the
  // caller must call Filled.
  Line& LineOf(const std::string& topic, int32_t partition) { return lines_.Of(topic, partition); }
  void Filled(Line& line) {
    if (line.listed_at < 0) lines_.List(line);
    next_turn_ = {};
  }
  // Requests settings of topics; OnTopicConfigs follows. At most one request is outstanding.
  void RequestConfigs(std::vector<std::string> topics, std::vector<std::string_view> names);

  // Number of records in unanswered requests.
  uint64_t RecordsOut() const { return produce_.RecordsOut(); }

  // --- for the network

  void OnConnected(uint64_t connection, base::SteadyTime now);
  // `now_ms`: since 1970.
  void OnBytes(uint64_t connection, std::string_view bytes, base::SteadyTime now, int64_t now_ms);
  void OnWritten(uint64_t connection);
  void OnClosed(uint64_t connection, std::string_view reason, base::SteadyTime now);

  // Does everything that is due.
  void Turn(base::SteadyTime now);
  base::SteadyTime NextTurn() const { return next_turn_; }

  // There are new credentials.
  void OnCredentials();

 private:
  void End(Connection& connection, base::SteadyTime now);
  void ConfirmTopicIds(base::SteadyTime now);
  void RequestMetadata(base::SteadyTime now);
  void RequestProducerId(base::SteadyTime now);
  void SendConfigsRequest(base::SteadyTime now);
  void RequestLastSequence(Line& line, base::SteadyTime now);
  void Produce(int32_t node, Lines::Listed& listed, base::SteadyTime now);

  void OnAnswer(Connection& connection, const Link::Request& request, std::string_view body,
                base::SteadyTime now, int64_t now_ms);
  bool OnMetadata(Connection& connection, int16_t version, std::string_view body, base::SteadyTime now);
  bool OnProducerId(Connection& connection, int16_t version, std::string_view body, base::SteadyTime now);
  bool OnProduced(Connection& connection, const Link::Request& request, std::string_view body,
                  base::SteadyTime now, int64_t now_ms);
  bool OnConfigs(int16_t version, std::string_view body);
  bool OnProducers(int32_t node, const Link::Request& request, std::string_view body, base::SteadyTime now);
  void OnNoAnswer(const Link::Request& request, base::SteadyTime now);
  base::Duration RequestTime() const { return std::min(options_.request_timeout, kRequestTime); }
  int64_t UnixMs(base::SteadyTime now) const {
    return wall_.second + std::chrono::duration_cast<std::chrono::milliseconds>(now - wall_.first).count();
  }
  void Wake(base::SteadyTime at) { next_turn_ = std::min(next_turn_, at); }

  const Options options_;
  ProducerListener& listener_;
  std::mt19937_64 random_;

  ClusterView cluster_;
  MetadataRequest metadata_;
  RetriedRequest producer_id_;
  Lines lines_;
  BrokerConnections connections_;  // closed before the lines, which have the batches that are being sent
  ProduceRequests produce_;

  uint64_t last_request_ = 0;
  std::unordered_map<uint64_t, Line*> sequence_requests_;

  std::vector<std::string> config_topics_;  // to be requested
  std::vector<std::string_view> config_names_;
  bool configs_pending_ = false;

  std::pair<base::SteadyTime, int64_t> wall_;  // the time of the newest bytes by both clocks
  base::SteadyTime next_turn_;
};

}  // namespace ei::kafka::native
