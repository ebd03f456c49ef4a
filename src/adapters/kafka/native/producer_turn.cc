// The part of Producer that does what is due and sends requests.

#include "adapters/kafka/native/producer.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace ei::kafka::native {

using wire::Api;

void Producer::Turn(base::SteadyTime now) {
  next_turn_ = base::SteadyTime::max();
  for (Connection* const ended : connections_.Check(now)) End(*ended, now);
  RequestMetadata(now);
  RequestProducerId(now);
  SendConfigsRequest(now);
  for (auto& [node, listed] : lines_.ByLeader()) {
    if (!listed.lines.empty()) Produce(node, listed, now);
  }
  listener_.OnWriting();
  connections_.Write();
  Wake(connections_.NextCheck());
}

void Producer::RequestMetadata(base::SteadyTime now) {
  if (cluster_.Topics().empty() || metadata_.pending) return;
  const bool old = metadata_.answered_at + options_.metadata_age <= now;
  if (!metadata_.needed && !old) return Wake(metadata_.answered_at + options_.metadata_age);
  if (now < metadata_.not_before) return Wake(metadata_.not_before);
  Connection* const connection = connections_.ReachForMetadata(now);
  if (connection == nullptr) return;
  metadata_.needed = false;
  metadata_.pending = true;
  ++metadata_.sent;
  connection->link.Send(Api::kMetadata, RequestTime(), 0, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendMetadata(out, header, cluster_.Watched());
                        });
}

void Producer::RequestProducerId(base::SteadyTime now) {
  if (producer_id_.pending) return;
  if (!lines_.NeedProducerId() || cluster_.Topics().empty()) return;
  if (now < producer_id_.not_before) return Wake(producer_id_.not_before);
  Connection* const connection = connections_.ReachAny(now);
  if (connection == nullptr) return;
  producer_id_.pending = true;
  connection->link.Send(Api::kInitProducerId, RequestTime(), 0, now,
                        [](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendInitProducerId(out, header);
                        });
}

void Producer::SendConfigsRequest(base::SteadyTime now) {
  if (config_topics_.empty() || configs_pending_) return;
  Connection* const connection = connections_.ReachAny(now);
  if (connection == nullptr) return;
  const std::vector<std::string> topics = std::exchange(config_topics_, {});
  if (!connection->link.VersionOf(Api::kDescribeConfigs)) return listener_.OnTopicConfigs(nullptr);
  configs_pending_ = true;
  connection->link.Send(Api::kDescribeConfigs, options_.request_timeout, 0, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendDescribeTopicConfigs(out, header, topics, config_names_);
                        });
}

void Producer::RequestLastSequence(Line& line, base::SteadyTime now) {
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
  sequence_requests_[++last_request_] = &line;
  connection->link.Send(Api::kDescribeProducers, options_.request_timeout, last_request_, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendDescribeProducers(out, header, line.partition.Topic(),
                                                        line.partition.Index());
                        });
}

void Producer::Produce(int32_t node, Lines::Listed& listed, base::SteadyTime now) {
  std::vector<Line*> quick;
  std::vector<Line*> slow;
  const size_t count = listed.lines.size();
  for (size_t i = 0; i < count; ++i) {
    Line& line = *listed.lines[(listed.turn + i) % count];
    Partition& partition = line.partition;
    const Partition::Wants& wants = partition.Wanted();
    if (wants.metadata) metadata_.needed = true;
    if (wants.last_sequence) RequestLastSequence(line, now);
    if (partition.CanSend(now)) {
      (line.slow ? slow : quick).push_back(&line);
    } else if (partition.Now() == Partition::State::kBackingOff && partition.NotBefore() > now) {
      Wake(partition.NotBefore());  // later it continues when the batch that holds it back is done
    }
  }
  ++listed.turn;
  for (auto* const lines : {&quick, &slow}) {
    if (lines->empty()) continue;
    if (const base::SteadyTime paused = connections_.PausedUntil(node); now < paused) return Wake(paused);
    Connection* const connection = connections_.Reach(node, lines == &slow, now);
    if (connection != nullptr) Wake(produce_.Send(*connection, *lines, now, UnixMs(now)));
  }
}

}  // namespace ei::kafka::native
