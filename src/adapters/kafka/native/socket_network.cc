#include "adapters/kafka/native/socket_network.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>

#include <boost/asio/post.hpp>

#include "base/mutex.h"
#include "base/thread_name.h"

namespace ei::kafka::native {

namespace {

using boost::asio::ip::tcp;
using Endpoints = std::vector<tcp::endpoint>;

constexpr size_t kInputBytes = 64 << 10;
constexpr size_t kReadsMax = 16;    // of a connection before other connections get a turn
constexpr size_t kBuffersMax = 64;  // of one write
constexpr size_t kHostsMax = 1000;  // for which the next address is remembered
constexpr size_t kLookupsMax = 8;   // threads that wait for name servers

std::string Resolve(const std::string& host, const std::string& port, Endpoints& endpoints) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int fault = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); fault != 0) {
    return host + " is not found: " + ::gai_strerror(fault);
  }
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    tcp::endpoint endpoint;
    if (each->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    endpoint.resize(each->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(found);
  return endpoints.empty() ? host + " has no address" : std::string();
}

}  // namespace

// The resolver threads may hang, so they are detached and share this object. A result is delivered only while
// the network exists.
class SocketNetwork::Lookup : public std::enable_shared_from_this<Lookup> {
 public:
  using Done = std::function<void(Endpoints endpoints, const std::string& fault)>;

  explicit Lookup(boost::asio::io_context& context) : context_(&context) {}

  // False: too many lookups are running, or no thread can be started.
  bool Start(const std::string& host, uint16_t port, Done done) {
    {
      const base::MutexLock lock(mutex_);
      if (running_ >= kLookupsMax) return false;
      ++running_;
    }
    auto ask = [self = shared_from_this(), host, port, done = std::move(done)]() mutable {
      base::NameThisThread("name-lookup");
      Endpoints endpoints;
      std::string fault = Resolve(host, std::to_string(port), endpoints);
      const base::MutexLock lock(self->mutex_);
      --self->running_;
      if (self->context_ == nullptr) return;
      boost::asio::post(*self->context_, [done = std::move(done), endpoints = std::move(endpoints),
                                          fault = std::move(fault)] { done(endpoints, fault); });
    };
    std::thread thread;
    try {
      thread = std::thread(std::move(ask));
    } catch (const std::system_error&) {  // no more threads are allowed
      const base::MutexLock lock(mutex_);
      --running_;
      return false;
    }
    thread.detach();  // ban-ok(detach): the resolver may hang for ever
    return true;
  }

  void Cancel() {
    const base::MutexLock lock(mutex_);
    context_ = nullptr;
  }

 private:
  base::Mutex mutex_;
  boost::asio::io_context* context_ GUARDED_BY(mutex_);
  size_t running_ GUARDED_BY(mutex_) = 0;
};

SocketNetwork::SocketNetwork(boost::asio::io_context& context, Handlers handlers)
    : context_(context),
      handlers_(std::move(handlers)),
      lookup_(std::make_shared<Lookup>(context)),
      input_(kInputBytes) {}

SocketNetwork::~SocketNetwork() { lookup_->Cancel(); }

SocketNetwork::Peer* SocketNetwork::Find(uint64_t connection) {
  const auto found = peers_.find(connection);
  return found == peers_.end() ? nullptr : found->second.get();
}

void SocketNetwork::Connect(uint64_t connection, const std::string& host, uint16_t port) {
  auto& peer = peers_[connection] = std::make_unique<Peer>(context_);
  peer->host = host;
  boost::system::error_code no_address;
  if (const auto address = boost::asio::ip::make_address(host, no_address); !no_address) {
    return boost::asio::post(context_, [this, connection, host, address, port] {
      OnAddresses(connection, host, {{address, port}}, {});
    });
  }
  const bool started =
      lookup_->Start(host, port, [this, connection, host](Endpoints endpoints, const std::string& fault) {
        OnAddresses(connection, host, std::move(endpoints), fault);
      });
  if (started) return;  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): std::thread's own, which it frees
  boost::asio::post(context_, [this, connection, host] {
    End(connection, host + " can't be looked up: too many name lookups are unanswered", false);
  });
}

void SocketNetwork::OnAddresses(uint64_t connection, const std::string& host, Endpoints endpoints,
                                const std::string& fault) {
  Peer* const peer = Find(connection);
  if (peer == nullptr) return;
  if (!fault.empty()) return End(connection, fault, false);
  if (tried_.size() > kHostsMax) tried_.clear();
  const tcp::endpoint& endpoint = endpoints[tried_[host]++ % endpoints.size()];
  peer->tcp.async_connect(endpoint, [this, connection, endpoint](const boost::system::error_code& failed) {
    Peer* const connected = Find(connection);
    if (connected == nullptr) return;
    if (failed) {
      return End(connection, endpoint.address().to_string() + " can't be connected to: " + failed.message(),
                 false);
    }
    boost::system::error_code ignored;
    connected->tcp.set_option(tcp::no_delay(true), ignored);
    connected->tcp.set_option(boost::asio::socket_base::keep_alive(true), ignored);
    connected->tcp.native_non_blocking(true, ignored);
    connected->tcp.non_blocking(true, ignored);
    connected->socket = tls_ == nullptr ? MakePlainSocket(connected->tcp)
                                        : MakeTlsSocket(connected->tcp, tls_, connected->host);
    Proceed(connection);
  });
}

// Continues the handshake, or starts I/O once it is done.
void SocketNetwork::Proceed(uint64_t connection) {
  Peer* peer = Find(connection);
  if (peer == nullptr || peer->socket == nullptr) return;
  if (!peer->ready) {
    const Socket::Step step = peer->socket->Handshake();
    if (step == Socket::Step::kEnded) {
      return End(connection, peer->socket->Reason(), peer->socket->TlsFailed());
    }
    if (step != Socket::Step::kDone) return Wait(connection, *peer, step);
    peer->ready = true;
    handlers_.connected(connection);
  }
  Send(connection);
  Read(connection);
}

void SocketNetwork::Wait(uint64_t connection, Peer& peer, Socket::Step step) {
  const bool read = step == Socket::Step::kWantsRead;
  bool& waits = read ? peer.reading : peer.writing;
  if (waits) return;
  waits = true;
  peer.tcp.async_wait(read ? tcp::socket::wait_read : tcp::socket::wait_write,
                      [this, connection, read](const boost::system::error_code& failed) {
                        Peer* const found = Find(connection);
                        if (found == nullptr) return;
                        (read ? found->reading : found->writing) = false;
                        if (failed) return End(connection, failed.message(), false);
                        Proceed(connection);
                      });
}

void SocketNetwork::Read(uint64_t connection) {
  for (size_t reads = 0; reads < kReadsMax; ++reads) {
    Peer* const peer = Find(connection);
    if (peer == nullptr || peer->reading) return;
    size_t read = 0;
    const Socket::Step step = peer->socket->Read(input_, read);
    if (step == Socket::Step::kEnded) {
      return End(connection, peer->socket->Reason(), peer->socket->TlsFailed());
    }
    if (step != Socket::Step::kDone) return Wait(connection, *peer, step);
    handlers_.bytes(connection, {input_.data(), read});
    // A short read means that hardly any bytes are left.
    if (read < input_.size() && tls_ == nullptr) break;
  }
  if (Peer* const peer = Find(connection); peer != nullptr) Wait(connection, *peer, Socket::Step::kWantsRead);
}

void SocketNetwork::Write(uint64_t connection, Outgoing out) {
  Peer* const peer = Find(connection);
  if (peer == nullptr) return;
  peer->outgoing.push_back(std::move(out));
  if (peer->ready && !peer->writing && peer->outgoing.size() == 1) Send(connection);
}

namespace {

// Returns the bytes of `out` from `from` on as buffers; the batches are between the request's own bytes.
size_t BuffersOf(const Outgoing& out, size_t from, std::span<boost::asio::const_buffer> buffers) {
  size_t count = 0;
  size_t passed = 0;
  const auto add = [&](std::string_view piece) {
    const size_t skip = std::min(piece.size(), from - std::min(from, passed));
    passed += piece.size();
    if (skip < piece.size() && count < buffers.size()) {
      buffers[count++] = boost::asio::buffer(piece.data() + skip, piece.size() - skip);
    }
  };
  size_t at = 0;
  for (const wire::Splice& splice : out.splices) {
    add(std::string_view(out.bytes).substr(at, splice.offset - at));
    add(splice.batch);
    at = splice.offset;
    if (count == buffers.size()) return count;
  }
  add(std::string_view(out.bytes).substr(at));
  return count;
}

}  // namespace

void SocketNetwork::Send(uint64_t connection) {
  Peer* const peer = Find(connection);
  if (peer == nullptr || peer->writing) return;
  while (!peer->outgoing.empty()) {
    std::array<boost::asio::const_buffer, kBuffersMax> buffers;
    const size_t count = BuffersOf(peer->outgoing.front(), peer->written, buffers);
    if (count == 0) {
      peer->outgoing.pop_front();
      peer->written = 0;
      handlers_.written(connection);
      continue;
    }
    size_t written = 0;
    const Socket::Step step = peer->socket->Write(std::span(buffers).first(count), written);
    // The end is reported by Read, so that bytes that came before it are processed.
    if (step == Socket::Step::kEnded) return;
    peer->written += written;
    if (step != Socket::Step::kDone) return Wait(connection, *peer, step);
  }
}

void SocketNetwork::Close(uint64_t connection) {
  const auto found = peers_.find(connection);
  if (found == peers_.end()) return;
  boost::system::error_code ignored;
  found->second->tcp.close(ignored);
  peers_.erase(found);
}

// A copy, because the reason may be a member of the socket that Close destroys.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
void SocketNetwork::End(uint64_t connection, std::string reason, bool refused) {
  if (Find(connection) == nullptr) return;
  Close(connection);
  handlers_.closed(connection, reason, refused);
}

}  // namespace ei::kafka::native
