#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "adapters/http/client_address.h"
#include "adapters/http/inflight_bytes.h"
#include "adapters/http/request.h"
#include "base/time.h"
#include "clients/authenticator.h"
#include "clients/client_shares.h"

namespace ei::http {

// The client of a connection, and the resources charged to it.
//
// If requests are authenticated, the client of a request is the one whose credentials it has. Otherwise it is
// the peer, or, if the peer is a trusted proxy, the client that the proxy names for the request. The
// connection and its memory are charged to the authenticated client, but to the peer before a request is
// authenticated. What isn't authenticated of a trusted proxy is charged to the anonymous client, which is
// never over its share, as are all connections of a trusted proxy.
//
// All functions are for the connection's thread.
class ConnectionClient {
 public:
  // If `shares` is null, clients aren't distinguished and no client is ever over its share. If
  // `authenticator` is null, requests aren't authenticated. The arguments passed by pointer or reference
  // outlive this object.
  ConnectionClient(const boost::asio::ip::address& peer, ClientShares* shares, Authenticator* authenticator,
                   const TrustedProxies& proxies, InflightBytes& inflight, base::SteadyTime now);
  ~ConnectionClient();
  ConnectionClient(const ConnectionClient&) = delete;
  ConnectionClient& operator=(const ConnectionClient&) = delete;

  // Returns whether the peer may open one more connection. If true, the connection is charged to it until
  // LeaveConnection or the destructor.
  bool EnterConnection();
  void LeaveConnection();

  // IdentityOf the peer's address.
  std::string PeerIdentity() const { return IdentityOf(peer_); }

  // Sets the sender and the authentication fault of a request; they are valid until the next call. Returns
  // false if the client may not have one more connection.
  bool Identify(Request& request, base::SteadyTime now, base::WallTime wall_now);

  // The names in the peer's verified certificate, for the requests that follow.
  void SetCertificate(PeerCertificate certificate) { certificate_ = std::move(certificate); }

  // Whether the peer is a trusted proxy, whose connection carries requests of many clients.
  bool IsProxy() const { return is_proxy_; }

  // The name or the address of the client that Identify found last, or else the peer's address, for log
  // messages.
  std::string Name() const {
    return authentication_.client != nullptr ? authentication_.client->name : address_.to_string();
  }

  // Charges memory for requests and replies. Returns false, and charges nothing, if the limit is exceeded: of
  // this client if OverShare() is then true, otherwise of all clients.
  bool TakeBytes(uint64_t bytes);
  // The same, but leaves the last 1/8 even if no other client is known: none would be if it was not let in.
  bool TakeBytesOfStranger(uint64_t bytes);
  // Charges memory that is in use in any case, even beyond the limits.
  void CountBytes(uint64_t bytes);
  void ReleaseBytes(uint64_t bytes);
  bool OverShare() const { return over_share_; }

 private:
  void Charge(uint64_t bytes);
  void ChargeTo(ClientNumber client);
  bool MoveConnectionTo(ClientNumber client);
  // Returns false if there is no client with the request's credentials; `fault` is the reason.
  bool Authenticate(const Request& request, base::WallTime now, AuthFault& fault);
  Sender SenderAt(std::string_view forwarded_for, base::SteadyTime now);

  ClientShares* const shares_;
  Authenticator* const authenticator_;
  const TrustedProxies& proxies_;
  InflightBytes& inflight_;
  const boost::asio::ip::address peer_;
  bool is_proxy_ = false;
  ClientNumber charged_ = 0;                // holds the bytes that are charged for this connection
  ClientShares::ClientHandle peer_handle_;  // of the peer, if it isn't a proxy
  ClientIdentity peer_identity_ = kNoClient;

  boost::asio::ip::address address_;             // of the client
  ClientShares::ClientHandle forwarded_handle_;  // of the client that a proxy named
  ClientIdentity forwarded_identity_ = kNoClient;
  std::string forwarded_for_;  // the header that named it

  std::optional<PeerCertificate> certificate_;
  Authentication authentication_;  // of the last request; without a client if it had none
  uint64_t authentication_version_ = 0;
  std::string authorization_;  // the credentials of authentication_
  std::string api_key_;
  std::shared_ptr<const Client> entered_;            // the client of authenticated_handle_
  ClientShares::ClientHandle authenticated_handle_;  // of the last authenticated client
  ClientIdentity authenticated_identity_ = kNoClient;

  uint64_t bytes_ = 0;
  std::optional<ClientNumber> connection_charged_;  // holds the connection; nullopt: it isn't charged
  bool over_share_ = false;
};

}  // namespace ei::http
