#include "adapters/kafka/native/producer.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <tuple>
#include <utility>

namespace ei::kafka::native {

Producer::Producer(Options options, Network& network, ProducerListener& listener, uint64_t seed)
    : options_(std::move(options)),
      listener_(listener),
      random_(seed),
      lines_(options_.partition, cluster_, listener_),
      connections_(options_.connections, cluster_, metadata_, network, listener_, random_),
      produce_(options_.produce) {}

// --- for the owner

void Producer::Watch(const std::string& topic) {
  if (cluster_.Find(topic) != nullptr) return;
  cluster_.Watch(topic);
  metadata_.needed = true;
  next_turn_ = {};
}

void Producer::RequestConfigs(std::vector<std::string> topics, std::vector<std::string_view> names) {
  config_topics_ = std::move(topics);
  config_names_ = std::move(names);
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

// The partitions learn of the end through their batches; other requests are repeated.
void Producer::End(Connection& connection, base::SteadyTime now) {
  for (const Link::Request& request : connections_.End(connection, now)) OnNoAnswer(request, now);
}

}  // namespace ei::kafka::native
