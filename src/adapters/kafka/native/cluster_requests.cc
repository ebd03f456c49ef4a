#include "adapters/kafka/native/cluster_requests.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "adapters/kafka/wire/messages.h"

namespace ei::kafka::native {

using wire::Api;
using wire::ErrorCode;

ClusterRequests::ClusterRequests(const Options& options, ClusterView& cluster, MetadataRequest& metadata,
                                 Lines& lines, BrokerConnections& connections, ProducerListener& listener,
                                 std::mt19937_64& random)
    : options_(options),
      cluster_(cluster),
      metadata_(metadata),
      lines_(lines),
      connections_(connections),
      listener_(listener),
      random_(random) {}

void ClusterRequests::Send(base::SteadyTime now) {
  next_send_ = base::SteadyTime::max();
  RequestMetadata(now);
  RequestProducerId(now);
  SendConfigsRequest(now);
}

bool ClusterRequests::OnAnswer(const Connection& connection, const Link::Request& request,
                               std::string_view body, base::SteadyTime now) {
  switch (request.api) {
    case Api::kMetadata: return OnMetadata(connection.node, request.version, body, now);
    case Api::kInitProducerId: return OnProducerId(connection.node, request.version, body, now);
    case Api::kDescribeConfigs: return OnConfigs(request.version, body);
    case Api::kDescribeProducers: return OnLastSequence(connection.node, request, body, now);
    default: return true;
  }
}

void ClusterRequests::OnNoAnswer(const Link::Request& request) {
  switch (request.api) {
    case Api::kMetadata:
      metadata_.pending = false;
      metadata_.needed = true;
      return;
    case Api::kInitProducerId: producer_id_.pending = false; return;
    case Api::kDescribeConfigs: configs_pending_ = false; return listener_.OnTopicConfigs(nullptr);
    case Api::kDescribeProducers:
      last_sequences_.at(request.context)->last_sequence.pending = false;
      last_sequences_.erase(request.context);
      return;
    default: return;
  }
}

// --- metadata

void ClusterRequests::RequestMetadata(base::SteadyTime now) {
  if (cluster_.Topics().empty() || metadata_.pending) return;
  const bool old = metadata_.answered_at + options_.metadata_age <= now;
  if (!metadata_.needed && !old) return Wake(metadata_.answered_at + options_.metadata_age);
  if (now < metadata_.not_before) return Wake(metadata_.not_before);
  Connection* const connection = connections_.ReachForMetadata(now);
  if (connection == nullptr) return;
  metadata_.needed = false;
  metadata_.pending = true;
  ++metadata_.sent;
  connection->link.Send(Api::kMetadata, std::min(options_.timeout, kRequestTime), 0, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendMetadata(out, header, cluster_.Watched());
                        });
}

bool ClusterRequests::OnMetadata(int32_t node, int16_t version, std::string_view body, base::SteadyTime now) {
  const auto response = wire::ReadMetadata(version, body);
  if (!response) return false;
  metadata_.pending = false;
  if (response->error == ErrorCode::kRebootstrapRequired) {
    connections_.Rebootstrap();
    return true;
  }
  if (!cluster_.Update(node, *response)) {
    connections_.SetUnhelpful(node);
    metadata_.needed = true;
    metadata_.Delay(options_.retry, now, random_());
    return true;
  }
  metadata_.answered_at = now;
  bool whole = true;
  for (const wire::TopicMetadata& metadata : response->topics) {
    const std::string name(metadata.name);
    const ClusterView::Topic* const topic = cluster_.Find(name);
    if (topic == nullptr) continue;
    whole = whole && metadata.error == ErrorCode::kNone &&
            std::ranges::none_of(topic->partitions, [](const auto& leader) { return leader.node < 0; });
    listener_.OnTopic(name, *topic);
  }
  lines_.FollowLeaders(now);
  ConfirmTopicIds(now);
  connections_.OnMetadata([this](int32_t leader) { return lines_.AnyAt(leader); });
  // Topics that don't exist yet or have a partition without a leader are requested again, with growing
  // backoff.
  metadata_.failures = whole ? 0 : metadata_.failures + 1;
  connections_.SetUnhelpful(whole ? std::nullopt : std::optional(node));
  metadata_.not_before = now + options_.retry.Delay(std::max(metadata_.failures, 1u), random_());
  if (!whole) metadata_.needed = true;
  return true;
}

void ClusterRequests::ConfirmTopicIds(base::SteadyTime now) {
  for (const auto& [_, line] : lines_.All()) {
    if (!line->partition.Wanted().topic_id || metadata_.sent <= line->confirmed_after) continue;
    const ClusterView::Topic* const topic = cluster_.Find(line->partition.Topic());
    if (topic == nullptr || topic->error != ErrorCode::kNone) {
      metadata_.needed = true;
      continue;
    }
    line->partition.OnTopicId(topic->id, now);
    lines_.List(*line);
  }
}

// --- the producer id

void ClusterRequests::RequestProducerId(base::SteadyTime now) {
  if (producer_id_.pending) return;
  if (!lines_.NeedProducerId() || cluster_.Topics().empty()) return;
  if (now < producer_id_.not_before) return Wake(producer_id_.not_before);
  Connection* const connection = connections_.ReachAny(now);
  if (connection == nullptr) return;
  producer_id_.pending = true;
  connection->link.Send(Api::kInitProducerId, std::min(options_.timeout, kRequestTime), 0, now,
                        [](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendInitProducerId(out, header);
                        });
}

bool ClusterRequests::OnProducerId(int32_t node, int16_t version, std::string_view body,
                                   base::SteadyTime now) {
  const auto response = wire::ReadInitProducerId(version, body);
  if (!response) return false;
  producer_id_.pending = false;
  // Never accepts the current id again: its sequence numbers are used.
  if (response->error != ErrorCode::kNone || response->producer_id < 0 ||
      response->producer_id == lines_.Producer().id) {
    producer_id_.Delay(options_.retry, now, random_());
    connections_.SetUnhelpful(node);
    if (response->error == ErrorCode::kClusterAuthorizationFailed ||
        response->error == ErrorCode::kTransactionalIdAuthorizationFailed) {
      listener_.OnBrokerFault("not_authorized", "the cluster",
                              "no producer id: needs Write on a topic (before Kafka 3.0: IdempotentWrite)");
    }
    return true;
  }
  producer_id_.failures = 0;
  lines_.OnProducerId({response->producer_id, response->producer_epoch});
  return true;
}

// --- settings of topics

void ClusterRequests::RequestConfigs(std::vector<std::string> topics, std::vector<std::string_view> names) {
  config_topics_ = std::move(topics);
  config_names_ = std::move(names);
}

void ClusterRequests::SendConfigsRequest(base::SteadyTime now) {
  if (config_topics_.empty() || configs_pending_) return;
  Connection* const connection = connections_.ReachAny(now);
  if (connection == nullptr) return;
  const std::vector<std::string> topics = std::exchange(config_topics_, {});
  if (!connection->link.VersionOf(Api::kDescribeConfigs)) return listener_.OnTopicConfigs(nullptr);
  configs_pending_ = true;
  connection->link.Send(Api::kDescribeConfigs, options_.timeout, 0, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendDescribeTopicConfigs(out, header, topics, config_names_);
                        });
}

bool ClusterRequests::OnConfigs(int16_t version, std::string_view body) {
  const auto response = wire::ReadDescribeConfigs(version, body);
  if (!response) return false;
  configs_pending_ = false;
  listener_.OnTopicConfigs(&*response);
  return true;
}

// --- last sequence numbers

void ClusterRequests::RequestLastSequence(Line& line, base::SteadyTime now) {
  if (line.last_sequence.pending) return;
  const base::SteadyTime not_before =
      std::max(line.last_sequence.not_before, connections_.PausedUntil(line.partition.Leader()));
  if (now < not_before) return Wake(not_before);
  Connection* const connection = connections_.Reach(line.partition.Leader(), false, now);
  if (connection == nullptr || !connection->link.MaySend(now)) return;
  if (!connection->link.VersionOf(Api::kDescribeProducers)) {
    return line.partition.OnLastSequence(std::nullopt, now);
  }
  line.last_sequence.pending = true;
  last_sequences_[++last_request_] = &line;
  connection->link.Send(Api::kDescribeProducers, options_.timeout, last_request_, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendDescribeProducers(out, header, line.partition.Topic(),
                                                        line.partition.Index());
                        });
}

bool ClusterRequests::OnLastSequence(int32_t node, const Link::Request& request, std::string_view body,
                                     base::SteadyTime now) {
  const auto response = wire::ReadDescribeProducers(request.version, body);
  if (!response) return false;
  Line* const line = last_sequences_.at(request.context);
  last_sequences_.erase(request.context);
  line->last_sequence.pending = false;
  std::optional<wire::ProducerState> known;
  for (const wire::ProducerState& producer : response->producers) {
    if (producer.producer_id == line->partition.Producer().id) known = producer;
  }
  if (!line->partition.Wanted().last_sequence) return true;
  if (node != line->partition.Leader()) return true;  // the new leader is asked
  // With these errors the leader never answers; with others a later answer, or the next leader, will.
  const bool silent = response->error == ErrorCode::kTopicAuthorizationFailed ||
                      response->error == ErrorCode::kUnsupportedVersion;
  if (response->error != ErrorCode::kNone && !silent &&
      line->last_sequence.failures + 1 < kRequestFailuresMax) {
    line->last_sequence.Delay(options_.retry, now, random_());
    metadata_.needed = true;
    return true;
  }
  line->last_sequence.failures = 0;
  line->partition.OnLastSequence(response->error == ErrorCode::kNone ? known : std::nullopt, now);
  if (line->partition.Wanted().topic_id) {
    line->confirmed_after = metadata_.sent;
    metadata_.needed = true;
  }
  lines_.List(*line);
  return true;
}

}  // namespace ei::kafka::native
