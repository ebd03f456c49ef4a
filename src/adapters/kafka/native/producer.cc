#include "adapters/kafka/native/producer.h"

#include <optional>
#include <utility>

namespace ei::kafka::native {

Producer::Producer(const Options& options, Network& network, ProducerListener& listener, uint64_t seed)
    : listener_(listener),
      random_(seed),
      lines_(options.partition, cluster_, listener_),
      connections_(options.connections, cluster_, metadata_, network, listener_, random_),
      requests_(options.requests, cluster_, metadata_, lines_, connections_, listener_, random_),
      produce_(options.produce) {}

// --- for the owner

void Producer::Watch(const std::string& topic) {
  if (cluster_.Find(topic) != nullptr) return;
  cluster_.Watch(topic);
  metadata_.needed = true;
  next_turn_ = {};
}

void Producer::RequestConfigs(std::vector<std::string> topics, std::vector<std::string_view> names) {
  requests_.RequestConfigs(std::move(topics), std::move(names));
  next_turn_ = {};
}

void Producer::OnCredentials() {
  connections_.OnCredentials();
  next_turn_ = {};
}

// --- for the network

void Producer::OnConnected(uint64_t number, base::SteadyTime now) {
  if (Connection* const connection = connections_.Find(number)) connection->link.OnConnected(now);
  next_turn_ = {};
}

void Producer::OnBytes(uint64_t number, std::string_view bytes, base::SteadyTime now, int64_t now_ms) {
  wall_ = {now, now_ms};
  Connection* const connection = connections_.Find(number);
  if (connection == nullptr) return;
  connection->link.OnBytes(bytes, now, [&](const Link::Request& request, std::string_view body) {
    OnAnswer(*connection, request, body, now, now_ms);
  });
  next_turn_ = {};
}

void Producer::OnWritten(uint64_t number) {
  if (Connection* const connection = connections_.Find(number)) connection->link.OnWritten();
}

void Producer::OnClosed(uint64_t number, std::string_view reason, base::SteadyTime now) {
  Connection* const connection = connections_.Find(number);
  if (connection == nullptr) return;
  connection->link.OnClosed(reason);
  End(*connection, now);
  next_turn_ = {};
}

// --- the turn

void Producer::Turn(base::SteadyTime now) {
  next_turn_ = base::SteadyTime::max();
  for (Connection* const ended : connections_.Check(now)) End(*ended, now);
  requests_.Send(now);
  for (auto& [leader, listed] : lines_.ByLeader()) {
    if (!listed.lines.empty()) Produce(leader, listed, now);
  }
  listener_.OnWriting();
  connections_.Write();
  Wake(requests_.NextSend());
  Wake(connections_.NextCheck());
}

void Producer::Produce(int32_t leader, Lines::Listed& listed, base::SteadyTime now) {
  std::vector<Line*> quick;
  std::vector<Line*> slow;
  const size_t count = listed.lines.size();
  for (size_t i = 0; i < count; ++i) {
    Line& line = *listed.lines[(listed.turn + i) % count];
    Partition& partition = line.partition;
    const Partition::Wants& wants = partition.Wanted();
    if (wants.metadata) metadata_.needed = true;
    if (wants.last_sequence) requests_.RequestLastSequence(line, now);
    if (partition.CanSend(now)) {
      (line.slow ? slow : quick).push_back(&line);
    } else if (partition.Now() == Partition::State::kBackingOff && partition.NotBefore() > now) {
      Wake(partition.NotBefore());  // later it continues when the batch that holds it back is done
    }
  }
  ++listed.turn;
  for (auto* const lines : {&quick, &slow}) {
    if (lines->empty()) continue;
    if (const base::SteadyTime paused = connections_.PausedUntil(leader); now < paused) return Wake(paused);
    Connection* const connection = connections_.Reach(leader, lines == &slow, now);
    if (connection != nullptr) Wake(produce_.Send(*connection, *lines, now, UnixMs(now)));
  }
}

// --- answers

void Producer::OnAnswer(Connection& connection, const Link::Request& request, std::string_view body,
                        base::SteadyTime now, int64_t now_ms) {
  const bool read = request.api == wire::Api::kProduce ? OnProduced(connection, request, body, now, now_ms)
                                                       : requests_.OnAnswer(connection, request, body, now);
  if (read) return;
  OnNoAnswer(request, now);
  connection.link.OnProtocolError();
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

void Producer::OnNoAnswer(const Link::Request& request, base::SteadyTime now) {
  if (request.api != wire::Api::kProduce) return requests_.OnNoAnswer(request);
  const ProduceRequests::Request sent = produce_.Take(request);
  for (const auto& [line, batch, _] : sent.batches) {
    line->partition.OnNoAnswer(*batch, now, random_());
    lines_.ListOrGiveBack(*line);
  }
}

// The partitions learn of the end through their batches; other requests are repeated.
void Producer::End(Connection& connection, base::SteadyTime now) {
  for (const Link::Request& request : connections_.End(connection, now)) OnNoAnswer(request, now);
}

}  // namespace ei::kafka::native
