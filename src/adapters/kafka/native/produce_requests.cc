#include "adapters/kafka/native/produce_requests.h"

#include <cassert>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace ei::kafka::native {

base::SteadyTime ProduceRequests::Send(Connection& connection, std::vector<Line*>& lines,
                                       base::SteadyTime now, int64_t now_ms) {
  const Link& link = connection.link;
  if (!link.MaySend(now)) return base::SteadyTime::max();
  while (!lines.empty() && link.Requests().size() < kOutMax) {
    size_t waiting = 0;
    for (const Line* const line : lines) waiting += line->partition.NextBytes();
    if (!link.Requests().empty() && waiting < kSmallBytes && now < connection.sent_at + kGather) {
      return connection.sent_at + kGather;
    }
    if (connection.slow && !link.Requests().empty()) break;
    SendOne(connection, lines, now, now_ms);
    std::erase_if(lines, [&](Line* line) { return !line->partition.CanSend(now); });
  }
  return base::SteadyTime::max();
}

void ProduceRequests::SendOne(Connection& connection, const std::vector<Line*>& lines, base::SteadyTime now,
                              int64_t now_ms) {
  const uint64_t number = ++last_request_;
  Request& request = requests_[number];
  request.sent_at = now;
  request.alone = connection.slow;
  std::map<std::string_view, std::pair<wire::TopicId, std::vector<wire::PartitionBatch>>> topics;
  size_t bytes = 0;
  for (Line* const line : lines) {
    Partition& partition = line->partition;
    if (bytes > 0 && (request.alone || bytes + partition.NextBytes() > options_.bytes_max)) break;
    Batch* const batch = partition.NextBatch(now, now_ms);
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
  const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout);
  // Longer than the timeout that the broker gets, because the broker's answer has more information.
  connection.link.Send(
      wire::Api::kProduce, options_.timeout * 5 / 4, number, now,
      [&](std::string& out, std::vector<wire::Splice>& splices, const wire::RequestHeader& header) {
        wire::AppendProduce(out, splices, header, static_cast<int32_t>(timeout.count()), parts);
      });
  connection.sent_at = now;
}

ProduceRequests::Request ProduceRequests::Take(const Link::Request& request) {
  const auto found = requests_.find(request.context);
  assert(found != requests_.end());
  Request sent = std::move(found->second);
  requests_.erase(found);
  records_out_ -= sent.records;
  if (!request.waited) return sent;
  const bool slow = *request.waited >= BrokerConnections::kSlow;
  // In a request with several batches the slow one isn't known: each partition is sent alone until it was
  // fast once.
  for (const Sent& one : sent.batches) {
    if (slow || sent.alone) one.line->slow = slow;
  }
  return sent;
}

// Answers may be in any order.
void ProduceRequests::Match(Request& request, const wire::ProduceResponse& response) {
  std::map<std::pair<std::string_view, int32_t>, const wire::PartitionProduced*> by_name;
  std::map<std::pair<uint64_t, uint64_t>, std::string_view> names;
  for (const Sent& sent : request.batches) {
    const wire::TopicId& id = sent.line->partition.Id();
    names[{id.high, id.low}] = sent.line->partition.Topic();
  }
  for (const wire::TopicProduced& topic : response.topics) {
    std::string_view name = topic.name;
    if (name.empty()) {
      const auto known = names.find({topic.id.high, topic.id.low});
      if (known == names.end()) continue;
      name = known->second;
    }
    for (const wire::PartitionProduced& partition : topic.partitions) {
      by_name[{name, partition.index}] = &partition;
    }
  }
  for (Sent& sent : request.batches) {
    const Partition& partition = sent.line->partition;
    const auto answer = by_name.find({partition.Topic(), partition.Index()});
    if (answer != by_name.end()) sent.answer = answer->second;
  }
}

}  // namespace ei::kafka::native
