#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapters/kafka/native/broker_connections.h"
#include "adapters/kafka/native/cluster_view.h"
#include "adapters/kafka/native/lines.h"
#include "adapters/kafka/native/link.h"
#include "adapters/kafka/native/producer_listener.h"
#include "adapters/kafka/native/retried_request.h"
#include "base/time.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

// The requests of a producer by which it learns about the cluster: metadata, its producer id, the settings of
// topics, and the last sequence numbers that leaders have. All but the settings are requested until an answer
// is of use. One thread.
class ClusterRequests {
 public:
  // Timeout of requests for metadata and for a producer id, unless Options::timeout is shorter.
  static constexpr base::Duration kRequestTime = std::chrono::seconds(10);
  // After this many temporary errors in a row a leader is treated as one that doesn't report last sequence
  // numbers.
  static constexpr uint32_t kRequestFailuresMax = 10;

  struct Options {
    base::Duration timeout = std::chrono::seconds(10);
    base::Duration metadata_age = std::chrono::minutes(5);
    RetryPolicy retry{std::chrono::milliseconds(50), std::chrono::seconds(5), 0};
  };

  // All references must outlive the requests. Answers are applied to `cluster` and `lines`.
  ClusterRequests(const Options& options, ClusterView& cluster, MetadataRequest& metadata, Lines& lines,
                  BrokerConnections& connections, ProducerListener& listener, std::mt19937_64& random);

  // See Producer.
  void RequestConfigs(std::vector<std::string> topics, std::vector<std::string_view> names);

  // Sends the requests that are due.
  void Send(base::SteadyTime now);
  // Must be called for a line that wants its last sequence number, after Send.
  void RequestLastSequence(Line& line, base::SteadyTime now);
  // When to call both again at the latest.
  base::SteadyTime NextSend() const { return next_send_; }

  // Returns false if the answer can't be read.
  bool OnAnswer(const Connection& connection, const Link::Request& request, std::string_view body,
                base::SteadyTime now);
  // There will be no answer, or it can't be read.
  void OnNoAnswer(const Link::Request& request);

 private:
  void RequestMetadata(base::SteadyTime now);
  bool OnMetadata(int32_t node, int16_t version, std::string_view body, base::SteadyTime now);
  void ConfirmTopicIds(base::SteadyTime now);
  void RequestProducerId(base::SteadyTime now);
  bool OnProducerId(int32_t node, int16_t version, std::string_view body, base::SteadyTime now);
  void SendConfigsRequest(base::SteadyTime now);
  bool OnConfigs(int16_t version, std::string_view body);
  bool OnLastSequence(int32_t node, const Link::Request& request, std::string_view body,
                      base::SteadyTime now);
  void Wake(base::SteadyTime at) { next_send_ = std::min(next_send_, at); }

  const Options options_;
  ClusterView& cluster_;
  MetadataRequest& metadata_;
  Lines& lines_;
  BrokerConnections& connections_;
  ProducerListener& listener_;
  std::mt19937_64& random_;

  RetriedRequest producer_id_;
  std::vector<std::string> config_topics_;  // to be requested
  std::vector<std::string_view> config_names_;
  bool configs_pending_ = false;
  std::unordered_map<uint64_t, Line*> last_sequences_;  // unanswered requests, by Link::Request::context
  uint64_t last_request_ = 0;
  base::SteadyTime next_send_;
};

}  // namespace ei::kafka::native
