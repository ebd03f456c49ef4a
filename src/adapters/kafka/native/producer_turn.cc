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
    if (connection != nullptr) SendProduce(*connection, *lines, now);
  }
}

void Producer::SendProduce(Connection& connection, std::vector<Line*>& lines, base::SteadyTime now) {
  Link& link = connection.link;
  if (!link.MaySend(now)) return;
  while (!lines.empty() && link.Requests().size() < kOutMax) {
    size_t waiting = 0;
    for (const Line* const line : lines) waiting += line->partition.NextBytes();
    if (!link.Requests().empty() && waiting < kSmallBytes && now < connection.sent_at + kGather) {
      return Wake(connection.sent_at + kGather);
    }
    if (connection.slow && !link.Requests().empty()) return;
    const uint64_t number = ++last_request_;
    ProduceRequest& request = produce_requests_[number];
    request.sent_at = now;
    request.alone = connection.slow;
    std::map<std::string_view, std::pair<wire::TopicId, std::vector<wire::PartitionBatch>>> topics;
    size_t bytes = 0;
    for (Line* const line : lines) {
      Partition& partition = line->partition;
      if (bytes > 0 && (request.alone || bytes + partition.NextBytes() > options_.request_bytes_max)) break;
      Batch* const batch = partition.NextBatch(now, UnixMs(now));
      if (batch == nullptr) continue;
      request.batches.push_back({line, batch});
      request.records += batch->records.Count();
      auto& topic = topics[partition.Topic()];
      topic.first = partition.Id();
      topic.second.push_back({partition.Index(), batch->records.Seal(batch->stamp)});
      bytes += batch->records.Bytes();
    }
    records_out_ += request.records;
    std::vector<wire::TopicBatches> parts;
    parts.reserve(topics.size());
    for (const auto& [name, topic] : topics) parts.push_back({name, topic.first, topic.second});
    const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options_.request_timeout);
    // Longer than the timeout that the broker gets, because the broker's answer has more information.
    link.Send(Api::kProduce, options_.request_timeout * 5 / 4, number, now,
              [&](std::string& out, std::vector<wire::Splice>& splices, const wire::RequestHeader& header) {
                wire::AppendProduce(out, splices, header, static_cast<int32_t>(timeout.count()), parts);
              });
    connection.sent_at = now;
    std::erase_if(lines, [&](Line* line) { return !line->partition.CanSend(now); });
  }
}

}  // namespace ei::kafka::native
