#include "adapters/kafka/native/producer.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace ei::kafka::native {

using wire::Api;
using wire::ErrorCode;

namespace {

constexpr int32_t kFirstBootstrap = -2;  // the numbers of bootstrap addresses go down from here
constexpr int32_t kThrottleMaxMs = 10 * 60 * 1000;

std::string TextOf(const Address& address) { return address.host + ':' + std::to_string(address.port); }

std::string TextOf(const Partition& partition) {
  return partition.Topic() + '-' + std::to_string(partition.Index());
}

std::string_view CodeOf(Link::End end) {
  switch (end) {
    case Link::End::kClosed: return "connection_failed";
    case Link::End::kTimedOut: return "timed_out";
    case Link::End::kNonsense: return "not_kafka";
    case Link::End::kRefused: return "authentication_failed";
    case Link::End::kUnsupported: return "unsupported_version";
  }
  return "connection_failed";
}

}  // namespace

Producer::Producer(Options options, Network& network, ProducerListener& listener, uint64_t seed)
    : options_(std::move(options)), network_(network), listener_(listener), random_(seed) {}

Producer::~Producer() { CloseAll(); }

void Producer::CloseAll() {
  for (const auto& [number, _] : connections_) network_.Close(number);
  connections_.clear();
}

// --- the owner's side

void Producer::Watch(const std::string& topic) {
  if (cluster_.Find(topic) != nullptr) return;
  cluster_.Watch(topic);
  metadata_wanted_ = true;
  next_turn_ = {};
}

void Producer::Add(const std::string& topic, int32_t partition, std::unique_ptr<Batch> batch) {
  Line& line = LineOf(topic, partition);
  records_ += batch->records.Count();
  line.partition.Add(std::move(batch));
  List(line);
  next_turn_ = {};
}

void Producer::AskForConfigs(std::vector<std::string> topics, std::vector<std::string_view> names) {
  config_topics_ = std::move(topics);
  config_names_ = std::move(names);
  next_turn_ = {};
}

void Producer::OnCredentials() {
  credentials_changed_ = true;
  for (auto& [_, broker] : brokers_) broker.not_before = {};
  next_turn_ = {};
}

Producer::Line& Producer::LineOf(const std::string& topic, int32_t partition) {
  auto& line = lines_[{topic, partition}];
  if (line == nullptr) {
    PartitionListener& self = *this;
    line = std::make_unique<Line>(topic, partition, options_.partition, self);
    if (producer_.id >= 0) line->partition.OnProducerId(producer_);
    const ClusterView::Leader leader = cluster_.LeaderOf(topic, partition);
    const ClusterView::Topic* const known = cluster_.Find(topic);
    if (known != nullptr) line->partition.OnLeader(leader.node, leader.epoch, known->id, {});
  }
  return *line;
}

// --- which broker's it is

void Producer::List(Line& line) {
  const int32_t leader = line.partition.Batches() == 0 ? -1 : line.partition.Leader();
  if (line.listed_at == leader) return;
  Unlist(line);
  if (leader < 0) return;
  brokers_[leader].lines.push_back(&line);
  line.listed_at = leader;
}

void Producer::Unlist(Line& line) {
  if (line.listed_at < 0) return;
  std::erase(brokers_[line.listed_at].lines, &line);
  line.listed_at = -1;
}

void Producer::FollowLeader(Line& line, base::SteadyTime now) {
  Partition& partition = line.partition;
  const ClusterView::Leader leader = cluster_.LeaderOf(partition.Topic(), partition.Index());
  const ClusterView::Topic* const topic = cluster_.Find(partition.Topic());
  if (topic == nullptr || !topic->told) return;
  partition.OnLeader(leader.node, leader.epoch, topic->id, now);
  List(line);
  GiveBackIfGone(line);
}

void Producer::GiveBackIfGone(Line& line) {
  Partition& partition = line.partition;
  const size_t partitions = PartitionsOf(partition.Topic());
  if (partitions == 0 || static_cast<size_t>(partition.Index()) < partitions || partition.Out() > 0) return;
  for (const auto& batch : partition.TakeAll()) {
    records_ -= batch->records.Count();
    listener_.OnPartitionGone(partition, *batch);
  }
  Unlist(line);
}

void Producer::FollowLeaders(base::SteadyTime now) {
  for (const auto& [_, line] : lines_) FollowLeader(*line, now);
}

// --- connections

Producer::Connection* Producer::Open(int32_t node, const Address& address, bool slow, base::SteadyTime now) {
  const uint64_t number = ++last_connection_;
  auto made = std::make_unique<Connection>(number, node, slow, options_.link, now);
  made->where = TextOf(address);
  Connection* const connection = connections_.emplace(number, std::move(made)).first->second.get();
  network_.Connect(number, address.host, address.port);
  return connection;
}

Producer::Connection* Producer::Reach(int32_t node, bool slow, base::SteadyTime now) {
  Broker& broker = brokers_[node];
  Connection*& connection = slow ? broker.slow : broker.main;
  if (connection != nullptr) return connection;
  if (now < broker.not_before) {
    Wake(broker.not_before);
    return nullptr;
  }
  const Address* address = cluster_.Find(node);
  if (node <= kFirstBootstrap) {
    const auto index = static_cast<size_t>(kFirstBootstrap - node);
    address = index < options_.bootstrap.size() ? &options_.bootstrap[index] : nullptr;
  }
  if (address == nullptr) {
    metadata_wanted_ = true;
    return nullptr;
  }
  connection = Open(node, *address, slow, now);
  return connection;
}

// The partitions hear of it by their batches; the rest is asked again.
void Producer::End(Connection& connection, base::SteadyTime now) {
  Link& link = connection.link;
  Broker& broker = brokers_[connection.node];
  const std::deque<Link::Request> unanswered = link.Requests();
  const bool idle = link.Why() == Link::End::kClosed && connection.ready_told && unanswered.empty();
  if (!idle) {
    ++broker.failures;
    broker.not_before = now + options_.reconnect.Delay(broker.failures, random_());
    metadata_wanted_ = true;
    if (link.Why() == Link::End::kRefused) {
      listener_.OnRefused(connection.where, link.Reason());
    } else {
      listener_.OnFault(CodeOf(link.Why()), connection.where, link.Reason());
    }
  }
  network_.Close(connection.number);
  for (const Link::Request& request : unanswered) OnNoAnswer(request, now);
  Forget(connection);
}

void Producer::Forget(Connection& connection) {
  Broker& broker = brokers_[connection.node];
  if (broker.main == &connection) broker.main = nullptr;
  if (broker.slow == &connection) broker.slow = nullptr;
  if (connection.paused_until > base::SteadyTime()) listener_.OnPause(connection.where, base::Duration(0));
  connections_.erase(connection.number);
}

Producer::Connection* Producer::Anyone(base::SteadyTime now) {
  Connection* best = nullptr;
  for (const auto& [_, connection] : connections_) {
    if (connection->slow || !connection->link.MaySend(now)) continue;
    if (best == nullptr || connection->link.Requests().size() < best->link.Requests().size()) {
      best = connection.get();
    }
  }
  if (best != nullptr) return best;
  // One after the other, so that an outage costs a few attempts, not a storm of them.
  for (const auto& [_, connection] : connections_) {
    if (connection->slow || connection->link.Ready() || now >= connection->opened_at + kImpatience) continue;
    Wake(connection->opened_at + kImpatience);
    return nullptr;
  }
  std::vector<int32_t> candidates;
  if (!use_bootstrap_) {
    for (const auto& [node, _] : cluster_.Brokers()) candidates.push_back(node);
  }
  if (candidates.empty()) {
    for (size_t i = 0; i < options_.bootstrap.size(); ++i) {
      candidates.push_back(kFirstBootstrap - static_cast<int32_t>(i));
    }
  }
  std::erase_if(candidates, [this](int32_t node) { return brokers_[node].main != nullptr; });
  // The one that may be tried first, any of those alike.
  std::ranges::shuffle(candidates, random_);
  const auto next = std::ranges::min_element(
      candidates, {}, [&](int32_t node) { return std::max(brokers_[node].not_before, now); });
  if (next != candidates.end()) Reach(*next, false, now);
  return nullptr;
}

// --- the network's side

void Producer::OnConnected(uint64_t connection, base::SteadyTime now) {
  if (const auto found = connections_.find(connection); found != connections_.end()) {
    found->second->link.OnConnected(now);
  }
  next_turn_ = {};
}

void Producer::OnBytes(uint64_t number, std::string_view bytes, base::SteadyTime now, int64_t now_ms) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  connection.link.OnBytes(bytes, now, [&](const Link::Request& request, std::string_view body) {
    OnAnswer(connection, request, body, now, now_ms);
  });
  next_turn_ = {};
}

void Producer::OnWritten(uint64_t number) {
  if (const auto found = connections_.find(number); found != connections_.end())
    found->second->link.OnWritten();
}

void Producer::OnClosed(uint64_t number, std::string_view reason, base::SteadyTime now) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  found->second->link.OnClosed(reason);
  End(*found->second, now);
  next_turn_ = {};
}

// --- what is due

void Producer::Turn(base::SteadyTime now) {
  next_turn_ = base::SteadyTime::max();
  std::vector<Connection*> ended;
  for (const auto& [_, connection] : connections_) {
    Link& link = connection->link;
    link.Look(now);
    if (link.Ready() && !connection->ready_told) {
      connection->ready_told = true;
      brokers_[connection->node].failures = 0;
      listener_.OnContact();
    }
    const bool idle = link.Ready() && link.Requests().empty();
    const bool stale = idle && (credentials_changed_ || now - link.UsedAt() >= options_.idle_max);
    if (stale) link.OnClosed("idle");
    if (link.Ended()) ended.push_back(connection.get());
  }
  credentials_changed_ = false;
  for (Connection* const connection : ended) End(*connection, now);

  AskMetadata(now);
  AskProducerId(now);
  AskConfigs(now);
  for (auto& [node, broker] : brokers_) {
    if (!broker.lines.empty()) Produce(node, broker, now);
  }
  for (const auto& [number, connection] : connections_) {
    if (Outgoing out = connection->link.Take(); !out.Empty()) network_.Write(number, std::move(out));
    Wake(connection->link.NextLook());
    if (connection->link.Ready() && connection->link.Requests().empty()) {
      Wake(connection->link.UsedAt() + options_.idle_max);
    }
  }
}

void Producer::AskMetadata(base::SteadyTime now) {
  if (cluster_.Topics().empty() || metadata_asked_) return;
  const bool old = metadata_at_ + options_.metadata_age <= now;
  if (!metadata_wanted_ && !old) return Wake(metadata_at_ + options_.metadata_age);
  if (now < metadata_not_before_) return Wake(metadata_not_before_);
  Connection* const connection = Anyone(now);
  if (connection == nullptr) {
    // Brokers that are known may all have gone, and others have come in their place (KIP-899, KIP-1102).
    if (!alone_since_) alone_since_ = now;
    if (now - *alone_since_ >= options_.rebootstrap_after) use_bootstrap_ = true;
    return;
  }
  alone_since_.reset();
  metadata_wanted_ = false;
  metadata_asked_ = true;
  connection->link.Send(Api::kMetadata, options_.request_timeout, 0, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendMetadata(out, header, cluster_.Watched());
                        });
}

void Producer::AskProducerId(base::SteadyTime now) {
  if (producer_asked_) return;
  const bool wanted =
      producer_.id < 0 ||
      std::ranges::any_of(
          lines_, [](const auto& entry) { return entry.second->partition.Wanted().producer_id; });
  if (!wanted || cluster_.Topics().empty()) return;
  if (now < producer_not_before_) return Wake(producer_not_before_);
  Connection* const connection = Anyone(now);
  if (connection == nullptr) return;
  producer_asked_ = true;
  connection->link.Send(Api::kInitProducerId, options_.request_timeout, 0, now,
                        [](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendInitProducerId(out, header);
                        });
}

void Producer::AskConfigs(base::SteadyTime now) {
  if (config_topics_.empty() || configs_asked_) return;
  Connection* const connection = Anyone(now);
  if (connection == nullptr) return;
  const std::vector<std::string> topics = std::exchange(config_topics_, {});
  if (!connection->link.VersionOf(Api::kDescribeConfigs)) return listener_.OnTopicConfigs(nullptr);
  configs_asked_ = true;
  connection->link.Send(Api::kDescribeConfigs, options_.request_timeout, 0, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendDescribeTopicConfigs(out, header, topics, config_names_);
                        });
}

void Producer::AskLastSequence(Line& line, base::SteadyTime now) {
  if (line.asked) return;
  Connection* const connection = Reach(line.partition.Leader(), false, now);
  if (connection == nullptr || !connection->link.MaySend(now)) return;
  if (!connection->link.VersionOf(Api::kDescribeProducers)) {
    return line.partition.OnLastSequence(std::nullopt, now);
  }
  line.asked = true;
  sequence_questions_[++last_request_] = &line;
  connection->link.Send(Api::kDescribeProducers, options_.request_timeout, last_request_, now,
                        [&](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                          wire::AppendDescribeProducers(out, header, line.partition.Topic(),
                                                        line.partition.Index());
                        });
}

void Producer::Produce(int32_t node, Broker& broker, base::SteadyTime now) {
  std::vector<Line*> quick;
  std::vector<Line*> slow;
  const size_t count = broker.lines.size();
  for (size_t i = 0; i < count; ++i) {
    Line& line = *broker.lines[(broker.turn + i) % count];
    Partition& partition = line.partition;
    const Partition::Wants& wants = partition.Wanted();
    if (wants.metadata) metadata_wanted_ = true;
    if (wants.last_sequence) AskLastSequence(line, now);
    if (partition.CanSend(now)) {
      (line.slow ? slow : quick).push_back(&line);
    } else if (partition.Now() == Partition::State::kBackingOff) {
      Wake(partition.NotBefore());
    }
  }
  ++broker.turn;
  for (auto* const lines : {&quick, &slow}) {
    if (lines->empty()) continue;
    Connection* const connection = Reach(node, lines == &slow, now);
    if (connection != nullptr) SendProduce(*connection, *lines, now);
  }
}

void Producer::SendProduce(Connection& connection, std::vector<Line*>& lines, base::SteadyTime now) {
  Link& link = connection.link;
  if (!link.MaySend(now)) return;
  if (now < connection.paused_until) return Wake(connection.paused_until);
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
      Batch* const batch = partition.NextBatch(now);
      if (batch == nullptr) continue;
      request.batches.push_back({line, batch});
      auto& topic = topics[partition.Topic()];
      topic.first = partition.Id();
      topic.second.push_back({partition.Index(), batch->records.Seal(batch->stamp)});
      bytes += batch->records.Bytes();
    }
    std::vector<wire::TopicBatches> parts;
    for (const auto& [name, topic] : topics) parts.push_back({name, topic.first, topic.second});
    const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options_.request_timeout);
    // Ours ends later than the broker's own, whose answer says more.
    link.Send(Api::kProduce, options_.request_timeout * 5 / 4, number, now,
              [&](std::string& out, std::vector<wire::Splice>& splices, const wire::RequestHeader& header) {
                wire::AppendProduce(out, splices, header, static_cast<int32_t>(timeout.count()), parts);
              });
    connection.sent_at = now;
    std::erase_if(lines, [&](Line* line) { return !line->partition.CanSend(now); });
  }
}

// --- answers

void Producer::OnAnswer(Connection& connection, const Link::Request& request, std::string_view body,
                        base::SteadyTime now, int64_t now_ms) {
  bool read = true;
  switch (request.api) {
    case Api::kMetadata: read = OnMetadata(request.version, body, now); break;
    case Api::kInitProducerId: read = OnProducerId(request.version, body, now); break;
    case Api::kProduce: read = OnProduced(connection, request, body, now, now_ms); break;
    case Api::kDescribeConfigs: read = OnConfigs(request.version, body); break;
    case Api::kDescribeProducers: read = OnProducers(request, body, now); break;
    default: break;
  }
  if (read) return;
  OnNoAnswer(request, now);
  connection.link.OnNonsense();
}

bool Producer::OnMetadata(int16_t version, std::string_view body, base::SteadyTime now) {
  const auto response = wire::ReadMetadata(version, body);
  if (!response) return false;
  metadata_asked_ = false;
  if (response->error == ErrorCode::kRebootstrapRequired) use_bootstrap_ = true;
  if (!cluster_.Take(*response)) {
    metadata_wanted_ = true;
    metadata_not_before_ = now + options_.ask_again.Delay(++metadata_failures_, random_());
    return true;
  }
  use_bootstrap_ = response->error == ErrorCode::kRebootstrapRequired;
  metadata_at_ = now;
  bool whole = true;
  for (const wire::TopicMetadata& told : response->topics) {
    const std::string name(told.name);
    const ClusterView::Topic* const topic = cluster_.Find(name);
    if (topic == nullptr) continue;
    whole = whole && told.error == ErrorCode::kNone &&
            std::ranges::none_of(topic->partitions, [](const auto& leader) { return leader.node < 0; });
    listener_.OnTopic(name, *topic);
  }
  FollowLeaders(now);
  // What has no leader, or isn't there yet, is asked for again, more and more seldom.
  metadata_failures_ = whole ? 0 : metadata_failures_ + 1;
  metadata_not_before_ = now + options_.ask_again.Delay(std::max(metadata_failures_, 1u), random_());
  if (!whole) metadata_wanted_ = true;
  return true;
}

bool Producer::OnProducerId(int16_t version, std::string_view body, base::SteadyTime now) {
  const auto response = wire::ReadInitProducerId(version, body);
  if (!response) return false;
  producer_asked_ = false;
  if (response->error != ErrorCode::kNone || response->producer_id < 0) {
    producer_not_before_ = now + options_.ask_again.Delay(++producer_failures_, random_());
    if (response->error == ErrorCode::kClusterAuthorizationFailed ||
        response->error == ErrorCode::kTransactionalIdAuthorizationFailed) {
      listener_.OnFault("not_authorized", "the cluster",
                        "no producer id: it takes Write on a topic (before Kafka 3.0 IdempotentWrite)");
    }
    return true;
  }
  producer_failures_ = 0;
  producer_ = {response->producer_id, response->producer_epoch};
  for (const auto& [_, line] : lines_) {
    line->partition.OnProducerId(producer_);
    List(*line);
  }
  return true;
}

bool Producer::OnProduced(Connection& connection, const Link::Request& request, std::string_view body,
                          base::SteadyTime now, int64_t now_ms) {
  const auto response = wire::ReadProduce(request.version, body);
  if (!response) return false;
  const auto found = produce_requests_.find(request.context);
  assert(found != produce_requests_.end());
  ProduceRequest asked = std::move(found->second);
  produce_requests_.erase(found);
  Pause(connection, response->throttle_ms, now);
  JudgeSpeed(asked, now);
  cluster_.TakeHints(response->brokers);
  // Answers stand in any order.
  std::map<std::pair<std::string_view, int32_t>, const wire::PartitionProduced*> by_name;
  std::map<std::pair<uint64_t, uint64_t>, std::string_view> names;
  for (const Sent& sent : asked.batches) {
    const wire::TopicId& id = sent.line->partition.Id();
    names[{id.high, id.low}] = sent.line->partition.Topic();
  }
  for (const wire::TopicProduced& topic : response->topics) {
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
  for (const Sent& sent : asked.batches) {
    Partition& partition = sent.line->partition;
    const auto answer = by_name.find({partition.Topic(), partition.Index()});
    if (answer == by_name.end()) {
      partition.OnNoAnswer(*sent.batch, now, random_());
    } else {
      if (answer->second->leader) {
        cluster_.TakeHint(partition.Topic(), partition.Index(), *answer->second->leader);
      }
      partition.OnAnswer(*sent.batch, *answer->second, request.version, now, now_ms, random_());
    }
    if (partition.Wanted().metadata) metadata_wanted_ = true;
    List(*sent.line);
    GiveBackIfGone(*sent.line);
    if (partition.Wanted().new_connection) {
      partition.ClearNewConnection();
      connection.link.OnNonsense();
    }
  }
  return true;
}

bool Producer::OnConfigs(int16_t version, std::string_view body) {
  const auto response = wire::ReadDescribeConfigs(version, body);
  if (!response) return false;
  configs_asked_ = false;
  listener_.OnTopicConfigs(&*response);
  return true;
}

bool Producer::OnProducers(const Link::Request& request, std::string_view body, base::SteadyTime now) {
  const auto response = wire::ReadDescribeProducers(request.version, body);
  if (!response) return false;
  Line* const line = sequence_questions_.at(request.context);
  sequence_questions_.erase(request.context);
  line->asked = false;
  std::optional<wire::ProducerState> known;
  for (const wire::ProducerState& producer : response->producers) {
    if (producer.producer_id == line->partition.Producer().id) known = producer;
  }
  line->partition.OnLastSequence(response->error == ErrorCode::kNone ? known : std::nullopt, now);
  List(*line);
  return true;
}

void Producer::OnNoAnswer(const Link::Request& request, base::SteadyTime now) {
  switch (request.api) {
    case Api::kMetadata:
      metadata_asked_ = false;
      metadata_wanted_ = true;
      return;
    case Api::kInitProducerId: producer_asked_ = false; return;
    case Api::kDescribeConfigs: configs_asked_ = false; return listener_.OnTopicConfigs(nullptr);
    case Api::kDescribeProducers: {
      const auto question = sequence_questions_.find(request.context);
      if (question == sequence_questions_.end()) return;
      question->second->asked = false;
      sequence_questions_.erase(question);
      return;
    }
    case Api::kProduce: {
      const auto found = produce_requests_.find(request.context);
      if (found == produce_requests_.end()) return;
      const ProduceRequest asked = std::move(found->second);
      produce_requests_.erase(found);
      JudgeSpeed(asked, now);
      for (const Sent& sent : asked.batches) {
        sent.line->partition.OnNoAnswer(*sent.batch, now, random_());
        List(*sent.line);
        GiveBackIfGone(*sent.line);
      }
      return;
    }
    default: return;
  }
}

void Producer::Pause(Connection& connection, int32_t throttle_ms, base::SteadyTime now) {
  const bool paused = connection.paused_until > base::SteadyTime();
  if (throttle_ms <= 0) {
    if (paused) listener_.OnPause(connection.where, base::Duration(0));
    connection.paused_until = {};
    return;
  }
  const auto pause = std::chrono::milliseconds(std::min(throttle_ms, kThrottleMaxMs));
  connection.paused_until = now + pause;
  connection.link.Hold(connection.paused_until);
  listener_.OnPause(connection.where, pause);
}

void Producer::JudgeSpeed(const ProduceRequest& request, base::SteadyTime now) {
  const bool slow = now - request.sent_at >= kSlow;
  // In a request of several it isn't known which one it was: each goes alone until it has been quick.
  for (const Sent& sent : request.batches) {
    if (slow || request.alone) sent.line->slow = slow;
  }
}

// --- what partitions say

void Producer::OnDelivered(Partition& partition, const Batch& batch, int64_t base_offset, bool repeat) {
  records_ -= batch.records.Count();
  if (repeat) listener_.OnRepeats(batch.records.Count());
  listener_.OnDelivered(partition, batch, base_offset);
}

void Producer::OnRejected(Partition& partition, uint64_t token, std::string_view code,
                          std::string_view reason) {
  --records_;
  listener_.OnRejected(partition, token, code, reason);
}

void Producer::OnFault(Partition& partition, std::string_view code, std::string_view reason) {
  listener_.OnFault(code, TextOf(partition), reason);
}

void Producer::OnPossibleRepeats(Partition&, uint32_t records) { listener_.OnPossibleRepeats(records); }

}  // namespace ei::kafka::native
