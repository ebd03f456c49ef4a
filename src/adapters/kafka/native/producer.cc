#include "adapters/kafka/native/producer.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <tuple>
#include <utility>

namespace ei::kafka::native {

namespace {

constexpr int32_t kFirstBootstrap = -2;  // node numbers of bootstrap addresses descend from here

std::string TextOf(const Address& address) { return address.host + ':' + std::to_string(address.port); }

std::string_view CodeOf(Link::End end) {
  switch (end) {
    case Link::End::kClosed: return "connection_failed";
    case Link::End::kTimedOut: return "timed_out";
    case Link::End::kProtocolError: return "not_kafka";
    case Link::End::kLoginRejected: return "authentication_failed";
    case Link::End::kUnsupported: return "unsupported_version";
  }
  return "connection_failed";
}

}  // namespace

Producer::Producer(Options options, Network& network, ProducerListener& listener, uint64_t seed)
    : options_(std::move(options)),
      network_(network),
      listener_(listener),
      random_(seed),
      lines_(options_.partition, cluster_, listener_) {}

Producer::~Producer() { CloseAll(); }

void Producer::CloseAll() {
  for (const auto& [number, _] : connections_) network_.Close(number);
  connections_.clear();
}

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
  credentials_changed_ = true;
  ++credentials_;
  for (auto& [_, broker] : brokers_) broker.not_before = {};
  next_turn_ = {};
}

// --- connections

Producer::Connection* Producer::Open(int32_t node, const Address& address, bool slow, base::SteadyTime now) {
  const uint64_t number = ++last_connection_;
  auto made = std::make_unique<Connection>(number, node, slow, options_.link, now);
  made->where = TextOf(address);
  made->credentials = credentials_;
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
    // If a metadata request is pending, its answer continues.
    if (!std::exchange(metadata_.needed, true)) Wake(std::max(now, metadata_.not_before));
    return nullptr;
  }
  connection = Open(node, *address, slow, now);
  return connection;
}

void Producer::ForgetBrokers() {
  for (auto& [node, broker] : brokers_) {
    if (node >= 0 && cluster_.Find(node) == nullptr) EndPause(broker);
  }
  std::erase_if(brokers_, [this](const auto& entry) {
    const auto& [node, broker] = entry;
    return node >= 0 && cluster_.Find(node) == nullptr && broker.main == nullptr && broker.slow == nullptr &&
           !lines_.AnyAt(node);
  });
}

// The partitions learn of the end through their batches; other requests are repeated.
void Producer::End(Connection& connection, base::SteadyTime now) {
  Link& link = connection.link;
  Broker& broker = brokers_[connection.node];
  const std::deque<Link::Request> unanswered = link.Unanswered(now);
  const bool idle =
      link.EndCause() == Link::End::kClosed && connection.logins_reported > 0 && unanswered.empty();
  if (!idle) {
    ++broker.failures;
    broker.not_before = now + options_.reconnect.Delay(broker.failures, random_());
    metadata_.needed = true;
    // A rejected renewal, or a rejection of older credentials, is not reported: the token may have expired.
    // The next login follows immediately and shows whether the current credentials are valid.
    const bool outdated = link.Logins() > 0 || connection.credentials != credentials_;
    if (link.EndCause() == Link::End::kLoginRejected && outdated) broker.not_before = now;
    if (link.EndCause() == Link::End::kLoginRejected && !outdated) {
      listener_.OnRefused(connection.where, link.Reason());
    } else {
      listener_.OnBrokerFault(CodeOf(link.EndCause()), connection.where, link.Reason());
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
  connections_.erase(connection.number);
}

std::vector<int32_t> Producer::Candidates() const {
  std::vector<int32_t> candidates;
  if (!use_bootstrap_) {
    for (const auto& [node, _] : cluster_.Brokers()) candidates.push_back(node);
  }
  if (candidates.empty()) {
    for (size_t i = 0; i < options_.bootstrap.size(); ++i) {
      candidates.push_back(kFirstBootstrap - static_cast<int32_t>(i));
    }
  }
  return candidates;
}

// All known brokers may have been replaced by others (KIP-899, KIP-1102).
void Producer::NoteUnreachable(base::SteadyTime now) {
  if (!unreachable_since_) unreachable_since_ = now;
  if (now - *unreachable_since_ >= options_.rebootstrap_after) use_bootstrap_ = true;
  if (unreachable_reported_) return;
  unreachable_reported_ =
      std::ranges::all_of(Candidates(), [this](int32_t node) { return brokers_[node].failures > 0; });
  if (unreachable_reported_)
    listener_.OnBrokerFault("brokers_down", "the cluster", "none of its brokers can be reached");
}

Producer::Connection* Producer::AnyConnection(base::SteadyTime now) {
  const auto rank = [&](const Connection& one) {
    return std::tuple(one.node == unhelpful_, one.link.Waited(now) >= kSlow, one.used_at);
  };
  Connection* best = nullptr;
  for (const auto& [_, connection] : connections_) {
    if (connection->slow || !connection->link.MaySend(now)) continue;
    if (const base::SteadyTime paused = brokers_[connection->node].paused_until; now < paused) {
      Wake(paused);
      continue;
    }
    if (best == nullptr || rank(*connection) < rank(*best)) best = connection.get();
  }
  if (best != nullptr) best->used_at = now;
  if (best != nullptr && best->node != unhelpful_) return best;
  // Connects to one broker at a time, so that an outage doesn't cause many connection attempts at once.
  for (const auto& [_, connection] : connections_) {
    if (connection->slow || connection->link.Ready() || now >= connection->opened_at + kConnectWait) continue;
    Wake(connection->opened_at + kConnectWait);
    return nullptr;
  }
  std::vector<int32_t> candidates = Candidates();
  std::erase_if(candidates, [this](int32_t node) { return brokers_[node].main != nullptr; });
  // Picks a broker with the shortest backoff, at random among equals.
  std::ranges::shuffle(candidates, random_);
  const auto next = std::ranges::min_element(
      candidates, {}, [&](int32_t node) { return std::max(brokers_[node].not_before, now); });
  if (next != candidates.end() && Reach(*next, false, now) != nullptr) return nullptr;
  return best;
}

// --- for the network

void Producer::OnConnected(uint64_t connection, base::SteadyTime now) {
  if (const auto found = connections_.find(connection); found != connections_.end()) {
    found->second->link.OnConnected(now);
  }
  next_turn_ = {};
}

void Producer::OnBytes(uint64_t number, std::string_view bytes, base::SteadyTime now, int64_t now_ms) {
  wall_ = {now, now_ms};
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

}  // namespace ei::kafka::native
