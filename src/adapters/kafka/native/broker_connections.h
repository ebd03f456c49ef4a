#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/kafka/native/cluster_view.h"
#include "adapters/kafka/native/link.h"
#include "adapters/kafka/native/network.h"
#include "adapters/kafka/native/producer_listener.h"
#include "adapters/kafka/native/retried_request.h"
#include "base/time.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

// A connection to a broker.
struct Connection {
  Connection(uint64_t number_, int32_t node_, bool slow_, const Link::Options& options, base::SteadyTime now)
      : number(number_), node(node_), slow(slow_), link(options, now), opened_at(now) {}
  const uint64_t number;
  const int32_t node;  // negative: a bootstrap address
  const bool slow;     // for slow partitions
  Link link;
  const base::SteadyTime opened_at;
  std::string where;             // host:port
  uint64_t credentials = 0;      // number of changes of credentials when it was opened
  uint64_t logins_reported = 0;  // part of Link::Logins() that was reported
  base::SteadyTime sent_at;      // the last produce request
  base::SteadyTime used_at;      // the last request that any broker can answer
};

// The connections to a cluster's brokers, at most two to each: the main one and one for slow partitions. They
// are opened when they are needed, with growing pauses after failures, and closed when they are idle. While
// no broker is known, and when none can be reached for a long time, the bootstrap addresses are used
// (KIP-899). One thread.
class BrokerConnections {
 public:
  static constexpr base::Duration kSlow = std::chrono::seconds(1);  // an answer that takes longer is slow
  // After this time without success another broker is tried in parallel.
  static constexpr base::Duration kConnectWait = std::chrono::seconds(1);

  struct Options {
    std::vector<Address> bootstrap;
    Link::Options link;
    base::Duration idle_max = std::chrono::seconds(180);  // below Azure's limit of 240 s
    base::Duration rebootstrap_after = std::chrono::minutes(5);
    RetryPolicy reconnect{std::chrono::milliseconds(100), std::chrono::seconds(10), 0};
  };

  // All references must outlive the connections, and so must the batches of requests. Requests metadata when
  // an address isn't known and when a connection fails.
  BrokerConnections(Options options, const ClusterView& cluster, MetadataRequest& metadata, Network& network,
                    BrokerListener& listener, std::mt19937_64& random);
  ~BrokerConnections();

  Connection* Find(uint64_t number) const;
  // Returns the broker's connection; opens one if there is none and the backoff has passed. null: none yet.
  Connection* Reach(int32_t node, bool slow, base::SteadyTime now);
  // Returns a connection for a request that any broker can answer, each broker in turn; null: none is ready,
  // and one is being opened. Alternates, because one broker may know less than the others for a long time.
  Connection* ReachAny(base::SteadyTime now);
  // The same for a metadata request: its failure is reported when no broker can be reached.
  Connection* ReachForMetadata(base::SteadyTime now);

  // The broker's last answer was of no use: others are tried first. nullopt: it was of use.
  void SetUnhelpful(std::optional<int32_t> node) { unhelpful_ = node; }
  // There is new metadata. Brokers that aren't in it are forgotten if they have no connection and aren't in
  // use.
  void OnMetadata(const std::function<bool(int32_t node)>& in_use);
  // The brokers ask the client to use the bootstrap addresses again.
  void Rebootstrap();
  // New connections use the new credentials; open ones are closed when they are idle.
  void OnCredentials();

  // The broker asks for a pause; <= 0: for none.
  void Pause(Connection& connection, int32_t throttle_ms, base::SteadyTime now);
  base::SteadyTime PausedUntil(int32_t node) const;

  // Does what is due. Returns the connections that have ended; End must be called for each.
  std::vector<Connection*> Check(base::SteadyTime now);
  // Removes a connection that has ended; returns its unanswered requests.
  std::deque<Link::Request> End(Connection& connection, base::SteadyTime now);
  // Hands all queued requests to the network.
  void Write();
  // When to call Check again at the latest; valid after Write.
  base::SteadyTime NextCheck() const { return next_check_; }

 private:
  struct Broker {
    Connection* main = nullptr;
    Connection* slow = nullptr;
    uint32_t failures = 0;  // since the last accepted connection
    base::SteadyTime not_before;
    base::SteadyTime paused_until;  // it asked for this pause on any connection
    std::string paused_where;       // name passed to OnPause; empty: no pause
  };

  const Address* AddressOf(int32_t node) const;
  // Brokers that may get a metadata request: the known ones, else the bootstrap addresses.
  std::vector<int32_t> Candidates() const;
  void NoteUnreachable(base::SteadyTime now);
  void EndPause(Broker& broker);
  void Wake(base::SteadyTime at) { next_check_ = std::min(next_check_, at); }

  const Options options_;
  const ClusterView& cluster_;
  MetadataRequest& metadata_;
  Network& network_;
  BrokerListener& listener_;
  std::mt19937_64& random_;

  std::map<int32_t, Broker> brokers_;
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;
  uint64_t last_connection_ = 0;
  std::optional<base::SteadyTime> unreachable_since_;  // no broker can be reached
  bool unreachable_reported_ = false;
  bool use_bootstrap_ = true;
  std::optional<int32_t> unhelpful_;
  bool credentials_changed_ = false;
  uint64_t credentials_ = 0;  // number of changes
  base::SteadyTime next_check_;
};

}  // namespace ei::kafka::native
