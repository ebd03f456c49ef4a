#pragma once

#include <string>

#include <boost/asio/ip/address.hpp>

#include "adapters/http/client_address.h"
#include "adapters/http/inflight_bytes.h"
#include "base/time.h"
#include "clients/client_shares.h"

namespace ei::http {

// Who is behind a connection: its peer, or, where that is a trusted proxy, the client that the proxy names
// for each request. What is held before a request's header has been read is the peer's; a proxy's is
// nobody's. Belongs to its connection's thread.
class ConnectionClient {
 public:
  // `shares` null: clients are not told apart, and nobody is ever refused. The references outlive this.
  ConnectionClient(const boost::asio::ip::address& peer, ClientShares* shares, const TrustedProxies& proxies,
                   InflightBytes& inflight, base::SteadyTime now);
  ~ConnectionClient();
  ConnectionClient(const ConnectionClient&) = delete;
  ConnectionClient& operator=(const ConnectionClient&) = delete;

  // Whether the peer may open one more connection. If so it counts until LeaveConnection or the end of this.
  bool EnterConnection();
  void LeaveConnection();

  // What the peer is told apart by, as IdentityOf has it.
  std::string PeerIdentity() const { return IdentityOf(peer_); }

  // The client of a request with this X-Forwarded-For; valid until the next call.
  ClientNumber ClientOf(std::string_view forwarded_for, base::SteadyTime now);

  // Whether the connection is a trusted proxy's, which brings requests of many clients.
  bool IsProxy() const { return is_proxy_; }

  // Of the client that ClientOf told of last.
  ClientIdentity Identity() const { return identity_; }

  // The same, or the peer, for people.
  std::string Name() const { return name_.to_string(); }

  // Memory for what is being read. False: there is too much of it, of all clients or, as OverShare then says,
  // of this one.
  bool TakeBytes(uint64_t bytes);
  // For what is held in any case.
  void CountBytes(uint64_t bytes);
  void GiveBytes(uint64_t bytes);
  bool OverShare() const { return over_share_; }

 private:
  void Charge(uint64_t bytes);

  ClientShares* const shares_;
  const TrustedProxies& proxies_;
  InflightBytes& inflight_;
  const boost::asio::ip::address peer_;
  bool is_proxy_ = false;
  boost::asio::ip::address name_;
  ClientShares::ClientHandle guest_;      // the peer, if it isn't a proxy
  ClientShares::ClientHandle forwarded_;  // whom a proxy named
  std::string forwarded_for_;             // in these words
  ClientIdentity identity_ = kNoClient;
  uint64_t bytes_ = 0;
  bool connection_counts_ = false;
  bool over_share_ = false;
};

}  // namespace ei::http
