#include "adapters/kafka/native/broker_connections.h"

#include <tuple>
#include <utility>

namespace ei::kafka::native {

namespace {

constexpr int32_t kFirstBootstrap = -2;  // node numbers of bootstrap addresses descend from here
constexpr int32_t kThrottleMaxMs = 10 * 60 * 1000;

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

BrokerConnections::BrokerConnections(Options options, const ClusterView& cluster, MetadataRequest& metadata,
                                     Network& network, BrokerListener& listener, std::mt19937_64& random)
    : options_(std::move(options)),
      cluster_(cluster),
      metadata_(metadata),
      network_(network),
      listener_(listener),
      random_(random) {}

BrokerConnections::~BrokerConnections() {
  for (const auto& [number, _] : connections_) network_.Close(number);
}

Connection* BrokerConnections::Find(uint64_t number) const {
  const auto found = connections_.find(number);
  return found == connections_.end() ? nullptr : found->second.get();
}

// --- opening

const Address* BrokerConnections::AddressOf(int32_t node) const {
  if (node > kFirstBootstrap) return cluster_.Find(node);
  const auto index = static_cast<size_t>(kFirstBootstrap - node);
  return index < options_.bootstrap.size() ? &options_.bootstrap[index] : nullptr;
}

Connection* BrokerConnections::Reach(int32_t node, bool slow, base::SteadyTime now) {
  Broker& broker = brokers_[node];
  Connection*& connection = slow ? broker.slow : broker.main;
  if (connection != nullptr) return connection;
  if (now < broker.not_before) {
    Wake(broker.not_before);
    return nullptr;
  }
  const Address* const address = AddressOf(node);
  if (address == nullptr) {
    // If a metadata request is pending, its answer continues.
    if (!std::exchange(metadata_.needed, true)) Wake(std::max(now, metadata_.not_before));
    return nullptr;
  }
  const uint64_t number = ++last_connection_;
  auto opened = std::make_unique<Connection>(number, node, slow, options_.link, now);
  opened->where = address->host + ':' + std::to_string(address->port);
  opened->credentials = credentials_;
  connection = connections_.emplace(number, std::move(opened)).first->second.get();
  network_.Connect(number, address->host, address->port);
  return connection;
}

std::vector<int32_t> BrokerConnections::Candidates() const {
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

Connection* BrokerConnections::ReachAny(base::SteadyTime now) {
  const auto rank = [&](const Connection& one) {
    return std::tuple(one.node == unhelpful_, one.link.Waited(now) >= kSlow, one.used_at);
  };
  Connection* best = nullptr;
  for (const auto& [_, connection] : connections_) {
    if (connection->slow || !connection->link.MaySend(now)) continue;
    if (const base::SteadyTime paused = PausedUntil(connection->node); now < paused) {
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

Connection* BrokerConnections::ReachForMetadata(base::SteadyTime now) {
  Connection* const connection = ReachAny(now);
  if (connection == nullptr) {
    NoteUnreachable(now);
  } else {
    unreachable_since_.reset();
    unreachable_reported_ = false;
  }
  return connection;
}

// All known brokers may have been replaced by others (KIP-899, KIP-1102).
void BrokerConnections::NoteUnreachable(base::SteadyTime now) {
  if (!unreachable_since_) unreachable_since_ = now;
  if (now - *unreachable_since_ >= options_.rebootstrap_after) use_bootstrap_ = true;
  if (unreachable_reported_) return;
  unreachable_reported_ =
      std::ranges::all_of(Candidates(), [this](int32_t node) { return brokers_[node].failures > 0; });
  if (unreachable_reported_)
    listener_.OnBrokerFault("brokers_down", "the cluster", "none of its brokers can be reached");
}

// --- what changes the use of brokers

void BrokerConnections::OnMetadata(const std::function<bool(int32_t)>& in_use) {
  use_bootstrap_ = false;
  for (auto entry = brokers_.begin(); entry != brokers_.end();) {
    auto& [node, broker] = *entry;
    const bool known = node < 0 || cluster_.Find(node) != nullptr;
    if (!known) EndPause(broker);
    const bool needed = known || broker.main != nullptr || broker.slow != nullptr || in_use(node);
    entry = needed ? std::next(entry) : brokers_.erase(entry);
  }
}

void BrokerConnections::Rebootstrap() {
  use_bootstrap_ = metadata_.needed = true;
  for (const auto& [_, connection] : connections_) {
    connection->link.OnClosed("the brokers ask the client to bootstrap again");
  }
}

void BrokerConnections::OnCredentials() {
  credentials_changed_ = true;
  ++credentials_;
  for (auto& [_, broker] : brokers_) broker.not_before = {};
}

void BrokerConnections::Pause(Connection& connection, int32_t throttle_ms, base::SteadyTime now) {
  Broker& broker = brokers_[connection.node];
  if (throttle_ms <= 0) return EndPause(broker);
  const auto pause = std::chrono::milliseconds(std::min(throttle_ms, kThrottleMaxMs));
  broker.paused_until = now + pause;
  broker.paused_where = connection.where;
  connection.link.Hold(broker.paused_until);
  listener_.OnPause(connection.where, pause);
}

void BrokerConnections::EndPause(Broker& broker) {
  if (broker.paused_where.empty()) return;
  broker.paused_until = {};
  listener_.OnPause(std::exchange(broker.paused_where, {}), base::Duration(0));
}

base::SteadyTime BrokerConnections::PausedUntil(int32_t node) const {
  const auto found = brokers_.find(node);
  return found == brokers_.end() ? base::SteadyTime() : found->second.paused_until;
}

// --- turns

std::vector<Connection*> BrokerConnections::Check(base::SteadyTime now) {
  next_check_ = base::SteadyTime::max();
  std::vector<Connection*> ended;
  for (const auto& [_, connection] : connections_) {
    Link& link = connection->link;
    link.Check(now);
    for (; connection->logins_reported < link.Logins(); ++connection->logins_reported) {
      brokers_[connection->node].failures = 0;
      listener_.OnContact(connection->where);
    }
    const bool idle = link.Ready() && link.Requests().empty();
    const bool stale = idle && (credentials_changed_ || now - link.UsedAt() >= options_.idle_max);
    if (stale) link.OnClosed("idle");
    if (link.Ended()) ended.push_back(connection.get());
  }
  credentials_changed_ = false;
  for (auto& [_, broker] : brokers_) {
    if (now >= broker.paused_until) EndPause(broker);
    if (!broker.paused_where.empty()) Wake(broker.paused_until);
  }
  return ended;
}

std::deque<Link::Request> BrokerConnections::End(Connection& connection, base::SteadyTime now) {
  Link& link = connection.link;
  Broker& broker = brokers_[connection.node];
  std::deque<Link::Request> unanswered = link.Unanswered(now);
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
  (connection.slow ? broker.slow : broker.main) = nullptr;
  connections_.erase(connection.number);
  return unanswered;
}

void BrokerConnections::Write() {
  for (const auto& [number, connection] : connections_) {
    Link& link = connection->link;
    for (Outgoing out = link.Take(); !out.Empty(); out = link.Take()) network_.Write(number, std::move(out));
    Wake(link.NextCheck());
    if (link.Ready() && link.Requests().empty()) Wake(link.UsedAt() + options_.idle_max);
  }
}

}  // namespace ei::kafka::native
