#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace ei::http {

// The connections of a loop whose TLS handshake can continue, in the order in which they get their turns: in
// rotation over the peers, so that a peer with many handshakes delays the others by one of its own at a time.
// For the loop's thread.
template <typename Connection>
class HandshakeQueue {
 public:
  // `peer`: IdentityOf the peer's address.
  void Add(const std::string& peer, std::shared_ptr<Connection> connection) {
    const auto [waiting, is_new] = waiting_.try_emplace(peer);
    if (is_new) rotation_.push_back(waiting);
    waiting->second.push_back(std::move(connection));
    ++size_;
  }

  // Requires Size() > 0.
  std::shared_ptr<Connection> TakeNext() {
    const auto peer = rotation_.front();
    rotation_.pop_front();
    auto connection = std::move(peer->second.front());
    peer->second.pop_front();
    --size_;
    if (peer->second.empty()) {
      waiting_.erase(peer);
    } else {
      rotation_.push_back(peer);
    }
    return connection;
  }

  size_t Size() const { return size_; }

 private:
  using Waiting = std::map<std::string, std::deque<std::shared_ptr<Connection>>>;
  Waiting waiting_;  // by peer
  std::deque<typename Waiting::iterator> rotation_;
  size_t size_ = 0;
};

}  // namespace ei::http
