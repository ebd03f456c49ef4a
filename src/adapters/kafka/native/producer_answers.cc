// The part of Producer that handles answers.

#include "adapters/kafka/native/producer.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace ei::kafka::native {

using wire::Api;
using wire::ErrorCode;

void Producer::OnAnswer(Connection& connection, const Link::Request& request, std::string_view body,
                        base::SteadyTime now, int64_t now_ms) {
  bool read = true;
  switch (request.api) {
    case Api::kMetadata: read = OnMetadata(connection, request.version, body, now); break;
    case Api::kInitProducerId: read = OnProducerId(connection, request.version, body, now); break;
    case Api::kProduce: read = OnProduced(connection, request, body, now, now_ms); break;
    case Api::kDescribeConfigs: read = OnConfigs(request.version, body); break;
    case Api::kDescribeProducers: read = OnProducers(connection.node, request, body, now); break;
    default: break;
  }
  if (read) return;
  OnNoAnswer(request, now);
  connection.link.OnProtocolError();
}

bool Producer::OnMetadata(Connection& connection, int16_t version, std::string_view body,
                          base::SteadyTime now) {
  const auto response = wire::ReadMetadata(version, body);
  if (!response) return false;
  metadata_.pending = false;
  if (response->error == ErrorCode::kRebootstrapRequired) {
    connections_.Rebootstrap();
    return true;
  }
  if (!cluster_.Update(connection.node, *response)) {
    connections_.SetUnhelpful(connection.node);
    metadata_.needed = true;
    metadata_.Delay(options_.request_retry, now, random_());
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
  connections_.OnMetadata([this](int32_t node) { return lines_.AnyAt(node); });
  // Topics that don't exist yet or have a partition without a leader are requested again, with growing
  // backoff.
  metadata_.failures = whole ? 0 : metadata_.failures + 1;
  connections_.SetUnhelpful(whole ? std::nullopt : std::optional(connection.node));
  metadata_.not_before = now + options_.request_retry.Delay(std::max(metadata_.failures, 1u), random_());
  if (!whole) metadata_.needed = true;
  return true;
}

void Producer::ConfirmTopicIds(base::SteadyTime now) {
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

bool Producer::OnProducerId(Connection& connection, int16_t version, std::string_view body,
                            base::SteadyTime now) {
  const auto response = wire::ReadInitProducerId(version, body);
  if (!response) return false;
  producer_id_.pending = false;
  // Never accepts the current id again: its sequence numbers are used.
  if (response->error != ErrorCode::kNone || response->producer_id < 0 ||
      response->producer_id == lines_.Producer().id) {
    producer_id_.Delay(options_.request_retry, now, random_());
    connections_.SetUnhelpful(connection.node);
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

bool Producer::OnProduced(Connection& connection, const Link::Request& request, std::string_view body,
                          base::SteadyTime now, int64_t now_ms) {
  const auto response = wire::ReadProduce(request.version, body);
  if (!response) return false;
  ProduceRequests::Request sent = produce_.Take(request);
  ProduceRequests::Match(sent, *response);
  connections_.Pause(connection, response->throttle_ms, now);
  listener_.OnProduced(connection.where, now - sent.sent_at);
  cluster_.UpdateBrokers(response->brokers);
  for (const auto& [line, batch, answer] : sent.batches) {
    Partition& partition = line->partition;
    if (answer == nullptr) {
      partition.OnNoAnswer(*batch, now, random_());
    } else {
      if (answer->leader) cluster_.UpdateLeader(partition.Topic(), partition.Index(), *answer->leader);
      partition.OnAnswer(*batch, *answer, request.version, now, now_ms, random_());
    }
    if (partition.Wanted().metadata) metadata_.needed = true;
    lines_.ListOrGiveBack(*line);
    if (partition.Wanted().new_connection) {
      partition.ClearNewConnection();
      connection.link.OnProtocolError();
    }
  }
  return true;
}

bool Producer::OnConfigs(int16_t version, std::string_view body) {
  const auto response = wire::ReadDescribeConfigs(version, body);
  if (!response) return false;
  configs_pending_ = false;
  listener_.OnTopicConfigs(&*response);
  return true;
}

bool Producer::OnProducers(int32_t node, const Link::Request& request, std::string_view body,
                           base::SteadyTime now) {
  const auto response = wire::ReadDescribeProducers(request.version, body);
  if (!response) return false;
  Line* const line = sequence_requests_.at(request.context);
  sequence_requests_.erase(request.context);
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
    line->last_sequence.Delay(options_.request_retry, now, random_());
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

void Producer::OnNoAnswer(const Link::Request& request, base::SteadyTime now) {
  switch (request.api) {
    case Api::kMetadata:
      metadata_.pending = false;
      metadata_.needed = true;
      return;
    case Api::kInitProducerId: producer_id_.pending = false; return;
    case Api::kDescribeConfigs: configs_pending_ = false; return listener_.OnTopicConfigs(nullptr);
    case Api::kDescribeProducers: {
      const auto pending = sequence_requests_.find(request.context);
      if (pending == sequence_requests_.end()) return;
      pending->second->last_sequence.pending = false;
      sequence_requests_.erase(pending);
      return;
    }
    case Api::kProduce: {
      const ProduceRequests::Request sent = produce_.Take(request);
      for (const auto& [line, batch, _] : sent.batches) {
        line->partition.OnNoAnswer(*batch, now, random_());
        lines_.ListOrGiveBack(*line);
      }
      return;
    }
    default: return;
  }
}

}  // namespace ei::kafka::native
