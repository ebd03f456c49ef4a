#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/kafka/native/broker_connections.h"
#include "adapters/kafka/native/cluster_requests.h"
#include "adapters/kafka/native/cluster_view.h"
#include "adapters/kafka/native/lines.h"
#include "adapters/kafka/native/link.h"
#include "adapters/kafka/native/network.h"
#include "adapters/kafka/native/partition.h"
#include "adapters/kafka/native/produce_requests.h"
#include "adapters/kafka/native/producer_listener.h"
#include "adapters/kafka/native/retried_request.h"
#include "base/time.h"

namespace ei::kafka::native {

// An idempotent producer (acks=all) on the connections of a Network. It connects its parts: a turn sends the
// ClusterRequests that are due, and for each leader the batches of its Lines as ProduceRequests, all on
// BrokerConnections; answers change the ClusterView and the partitions. The timeout of a request starts when
// the request before it was answered. While a broker asks for a pause, it gets no requests and no timeout
// runs.
//
// It does no I/O and has no clock: the owner passes in network events and then calls Turn, and calls Turn
// again at NextTurn at the latest. One thread.
class Producer final {
 public:
  struct Options {
    BrokerConnections::Options connections;
    Partition::Options partition;
    ProduceRequests::Options produce;
    ClusterRequests::Options requests;
  };

  // Network and listener must outlive the producer.
  Producer(const Options& options, Network& network, ProducerListener& listener, uint64_t seed);
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

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
  void Produce(int32_t leader, Lines::Listed& listed, base::SteadyTime now);
  void End(Connection& connection, base::SteadyTime now);
  void OnAnswer(Connection& connection, const Link::Request& request, std::string_view body,
                base::SteadyTime now, int64_t now_ms);
  bool OnProduced(Connection& connection, const Link::Request& request, std::string_view body,
                  base::SteadyTime now, int64_t now_ms);
  void OnNoAnswer(const Link::Request& request, base::SteadyTime now);
  int64_t UnixMs(base::SteadyTime now) const {
    return wall_.second + std::chrono::duration_cast<std::chrono::milliseconds>(now - wall_.first).count();
  }
  void Wake(base::SteadyTime at) { next_turn_ = std::min(next_turn_, at); }

  ProducerListener& listener_;
  std::mt19937_64 random_;

  ClusterView cluster_;
  MetadataRequest metadata_;
  Lines lines_;
  BrokerConnections connections_;  // closed before the lines, which have the batches that are being sent
  ClusterRequests requests_;
  ProduceRequests produce_;

  std::pair<base::SteadyTime, int64_t> wall_;  // the time of the newest bytes by both clocks
  base::SteadyTime next_turn_;
};

}  // namespace ei::kafka::native
