#pragma once

#include <string>

#include <boost/asio/ip/address.hpp>

#include "adapters/http/client_address.h"
#include "adapters/http/inflight_bytes.h"
#include "base/time.h"
#include "clients/client_shares.h"

namespace ei::http {

// The client of a connection, and the resources charged to it. The client is the peer, or, if the peer is a
// trusted proxy, the client that the proxy names for each request. Connections and memory are charged to the
// peer; those of a trusted proxy are charged to the anonymous client, which is never over its share. All
// functions are for the connection's thread.
class ConnectionClient {
 public:
  // If `shares` is null, clients aren't distinguished and no client is ever over its share. The arguments
  // passed by pointer or reference outlive this object.
  ConnectionClient(const boost::asio::ip::address& peer, ClientShares* shares, const TrustedProxies& proxies,
                   InflightBytes& inflight, base::SteadyTime now);
  ~ConnectionClient();
  ConnectionClient(const ConnectionClient&) = delete;
  ConnectionClient& operator=(const ConnectionClient&) = delete;

  // Returns whether the peer may open one more connection. If true, the connection is charged to it until
  // LeaveConnection or the destructor.
  bool EnterConnection();
  void LeaveConnection();

  // IdentityOf the peer's address.
  std::string PeerIdentity() const { return IdentityOf(peer_); }

  // Returns the client of a request with this X-Forwarded-For header; valid until the next call.
  ClientNumber ClientOf(std::string_view forwarded_for, base::SteadyTime now);

  // Whether the peer is a trusted proxy, whose connection carries requests of many clients.
  bool IsProxy() const { return is_proxy_; }

  // The identity of the client that ClientOf returned last.
  ClientIdentity Identity() const { return identity_; }

  // The address of that client, or else of the peer, for log messages.
  std::string Name() const { return name_.to_string(); }

  // Charges memory for requests and replies. Returns false, and charges nothing, if the limit is exceeded: of
  // this client if OverShare() is then true, otherwise of all clients.
  bool TakeBytes(uint64_t bytes);
  // Charges memory that is in use in any case, even beyond the limits.
  void CountBytes(uint64_t bytes);
  void ReleaseBytes(uint64_t bytes);
  bool OverShare() const { return over_share_; }

 private:
  void Charge(uint64_t bytes);

  ClientShares* const shares_;
  const TrustedProxies& proxies_;
  InflightBytes& inflight_;
  const boost::asio::ip::address peer_;
  bool is_proxy_ = false;
  boost::asio::ip::address name_;
  ClientShares::ClientHandle peer_handle_;       // of the peer, if it isn't a proxy
  ClientShares::ClientHandle forwarded_handle_;  // of the client that a proxy named
  std::string forwarded_for_;                    // the header that named it
  ClientIdentity identity_ = kNoClient;
  uint64_t bytes_ = 0;
  bool connection_counts_ = false;
  bool over_share_ = false;
};

}  // namespace ei::http
