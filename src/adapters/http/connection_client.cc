#include "adapters/http/connection_client.h"

#include <utility>

#include "event/client_identity.h"

namespace ei::http {

using ei::Shared;

ConnectionClient::ConnectionClient(const boost::asio::ip::address& peer, ClientShares* shares,
                                   Authenticator* authenticator, const TrustedProxies& proxies,
                                   InflightBytes& inflight, base::SteadyTime now)
    : shares_(shares),
      authenticator_(authenticator),
      proxies_(proxies),
      inflight_(inflight),
      peer_(peer),
      address_(peer) {
  is_proxy_ = proxies_.Contains(peer_);
  if (shares_ == nullptr || is_proxy_) return;
  const std::string identity = IdentityOf(peer_);
  peer_handle_ = shares_->Enter(identity, now);
  peer_identity_ = ei::IdentityOf(identity);
  charged_ = peer_handle_.Client();
}

ConnectionClient::~ConnectionClient() {
  ReleaseBytes(bytes_);
  LeaveConnection();
}

bool ConnectionClient::EnterConnection() {
  if (shares_ == nullptr) return true;
  if (!shares_->Allows(charged_, Shared::kConnections, 1)) return false;
  shares_->Take(charged_, Shared::kConnections, 1);
  connection_charged_ = charged_;
  return true;
}

void ConnectionClient::LeaveConnection() {
  if (!connection_charged_) return;
  shares_->Give(*connection_charged_, Shared::kConnections, 1);
  connection_charged_.reset();
}

bool ConnectionClient::Identify(Request& request, base::SteadyTime now, base::WallTime wall_now) {
  if (authenticator_ == nullptr) {
    request.sender = SenderAt(request.forwarded_for, now);
    return true;
  }
  if (!Authenticate(request, wall_now, request.auth_fault)) {
    ChargeTo(peer_handle_.Client());
    request.sender = SenderAt(request.forwarded_for, now);
    return true;
  }
  const std::shared_ptr<const Client>& client = authentication_.client;
  if (client != entered_) {
    const std::string identity = "client:" + client->name;  // no address begins like this
    if (shares_ != nullptr) {
      auto handle = shares_->Enter(identity, now, client->limits);
      if (!MoveConnectionTo(handle.Client())) return false;
      ChargeTo(handle.Client());
      authenticated_handle_ = std::move(handle);
    }
    authenticated_identity_ = ei::IdentityOf(identity);
    entered_ = client;
  }
  ChargeTo(authenticated_handle_.Client());
  request.sender = {authenticated_handle_.Client(), authenticated_identity_, client.get()};
  return true;
}

bool ConnectionClient::Authenticate(const Request& request, base::WallTime now, AuthFault& fault) {
  const uint64_t version = authenticator_->Version();
  // A proxy's connection carries requests of many clients: the time of a comparison could tell one client
  // about the credentials of another.
  const bool known = !is_proxy_ && authentication_.client != nullptr && version == authentication_version_ &&
                     now < authentication_.valid_until && !request.credential_repeated &&
                     request.authorization == authorization_ && request.api_key == api_key_;
  if (known) return true;
  authentication_ =
      request.credential_repeated
          ? Authentication{.client = nullptr, .fault = AuthFault::kAmbiguous}
          : authenticator_->Authenticate({.authorization = request.authorization,
                                          .api_key = request.api_key,
                                          .certificate = certificate_ ? &*certificate_ : nullptr},
                                         now);
  fault = authentication_.fault;
  if (authentication_.client == nullptr) return false;
  authentication_version_ = version;
  if (!is_proxy_) {
    authorization_ = request.authorization;
    api_key_ = request.api_key;
  }
  return true;
}

// The client at the peer's address, or at the address that a proxy names.
Sender ConnectionClient::SenderAt(std::string_view forwarded_for, base::SteadyTime now) {
  if (!is_proxy_ || shares_ == nullptr) return {peer_handle_.Client(), peer_identity_, nullptr};
  if (forwarded_for != forwarded_for_ || forwarded_handle_.Client() == 0) {
    forwarded_for_ = forwarded_for;
    address_ = proxies_.ClientIn(forwarded_for).value_or(peer_);
    const std::string identity = IdentityOf(address_);
    forwarded_handle_ = shares_->Enter(identity, now);
    forwarded_identity_ = ei::IdentityOf(identity);
  }
  return {forwarded_handle_.Client(), forwarded_identity_, nullptr};
}

bool ConnectionClient::TakeBytes(uint64_t bytes) {
  over_share_ = shares_ != nullptr && !shares_->Allows(charged_, Shared::kReadBytes, bytes);
  if (over_share_ || !inflight_.TryTake(bytes)) return false;
  Charge(bytes);
  return true;
}

bool ConnectionClient::TakeBytesOfStranger(uint64_t bytes) {
  over_share_ = shares_ != nullptr && !shares_->LeavesReserve(charged_, Shared::kReadBytes, bytes);
  return !over_share_ && TakeBytes(bytes);
}

void ConnectionClient::CountBytes(uint64_t bytes) {
  if (bytes == 0) return;
  inflight_.Take(bytes);
  Charge(bytes);
}

void ConnectionClient::Charge(uint64_t bytes) {
  if (shares_ != nullptr) shares_->Take(charged_, Shared::kReadBytes, bytes);
  bytes_ += bytes;
}

void ConnectionClient::ChargeTo(ClientNumber client) {
  if (client == charged_) return;
  shares_->Give(charged_, Shared::kReadBytes, bytes_);
  shares_->Take(client, Shared::kReadBytes, bytes_);
  charged_ = client;
}

// A proxy's connection belongs to no single client. Returns false if the client may not have it.
bool ConnectionClient::MoveConnectionTo(ClientNumber client) {
  if (is_proxy_ || !connection_charged_ || *connection_charged_ == client) return true;
  shares_->Give(*connection_charged_, Shared::kConnections, 1);
  const bool allowed = shares_->Allows(client, Shared::kConnections, 1);
  if (allowed) connection_charged_ = client;
  shares_->Take(*connection_charged_, Shared::kConnections, 1);
  return allowed;
}

void ConnectionClient::ReleaseBytes(uint64_t bytes) {
  if (bytes == 0) return;
  inflight_.Release(bytes);
  if (shares_ != nullptr) shares_->Give(charged_, Shared::kReadBytes, bytes);
  bytes_ -= bytes;
}

}  // namespace ei::http
