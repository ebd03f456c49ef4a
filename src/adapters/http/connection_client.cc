#include "adapters/http/connection_client.h"

#include <utility>

#include "event/client_identity.h"

namespace ei::http {

using ei::Shared;

ConnectionClient::ConnectionClient(const boost::asio::ip::address& peer, ClientShares* shares,
                                   const TrustedProxies& proxies, InflightBytes& inflight,
                                   base::SteadyTime now)
    : shares_(shares), proxies_(proxies), inflight_(inflight), peer_(peer), name_(peer) {
  if (shares_ == nullptr) return;
  is_proxy_ = proxies_.Contains(peer_);
  if (is_proxy_) return;
  const std::string identity = IdentityOf(peer_);
  peer_handle_ = shares_->Enter(identity, now);
  identity_ = ei::IdentityOf(identity);
}

ConnectionClient::~ConnectionClient() {
  ReleaseBytes(bytes_);
  LeaveConnection();
}

bool ConnectionClient::EnterConnection() {
  if (shares_ == nullptr) return true;
  if (!shares_->Allows(peer_handle_.Client(), Shared::kConnections, 1)) return false;
  shares_->Take(peer_handle_.Client(), Shared::kConnections, 1);
  connection_counts_ = true;
  return true;
}

void ConnectionClient::LeaveConnection() {
  if (std::exchange(connection_counts_, false)) shares_->Give(peer_handle_.Client(), Shared::kConnections, 1);
}

ClientNumber ConnectionClient::ClientOf(std::string_view forwarded_for, base::SteadyTime now) {
  if (!is_proxy_ || (forwarded_for == forwarded_for_ && forwarded_handle_.Client() != 0)) {
    return is_proxy_ ? forwarded_handle_.Client() : peer_handle_.Client();
  }
  forwarded_for_ = forwarded_for;
  name_ = proxies_.ClientIn(forwarded_for).value_or(peer_);
  const std::string identity = IdentityOf(name_);
  forwarded_handle_ = shares_->Enter(identity, now);
  identity_ = ei::IdentityOf(identity);
  return forwarded_handle_.Client();
}

bool ConnectionClient::TakeBytes(uint64_t bytes) {
  over_share_ = shares_ != nullptr && !shares_->Allows(peer_handle_.Client(), Shared::kReadBytes, bytes);
  if (over_share_ || !inflight_.TryTake(bytes)) return false;
  Charge(bytes);
  return true;
}

void ConnectionClient::CountBytes(uint64_t bytes) {
  if (bytes == 0) return;
  inflight_.Take(bytes);
  Charge(bytes);
}

void ConnectionClient::Charge(uint64_t bytes) {
  if (shares_ != nullptr) shares_->Take(peer_handle_.Client(), Shared::kReadBytes, bytes);
  bytes_ += bytes;
}

void ConnectionClient::ReleaseBytes(uint64_t bytes) {
  if (bytes == 0) return;
  inflight_.Release(bytes);
  if (shares_ != nullptr) shares_->Give(peer_handle_.Client(), Shared::kReadBytes, bytes);
  bytes_ -= bytes;
}

}  // namespace ei::http
