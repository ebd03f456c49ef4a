#include "adapters/http/proxied_socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "adapters/http/event_loop.h"
#include "adapters/http/proxy_header.h"

namespace ei::http {

namespace asio = boost::asio;

namespace {

constexpr auto kLastGrace = std::chrono::milliseconds(100);  // while the service stops

}  // namespace

ProxiedSocket::ProxiedSocket(EventLoop& loop, asio::ip::tcp::socket socket, const asio::ip::address& peer)
    : loop_(loop),
      socket_(std::move(socket)),
      peer_(peer),
      deadline_(loop.Clock().Now() + loop.HeaderTimeout()) {
  loop_.Connections().Add();
  loop_.Connections().AcquireSlot();
}

ProxiedSocket::~ProxiedSocket() {
  ReleaseSlot();
  loop_.Connections().Remove();
}

void ProxiedSocket::Start() {
  if (!loop_.Shared().proxies.Contains(peer_)) {
    return Refuse("the peer is not one of http.trusted_proxies");
  }
  AwaitBytes();
}

void ProxiedSocket::AwaitBytes() {
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error && self->socket_.is_open()) self->Read();
                     });
}

void ProxiedSocket::Read() {
  for (;;) {
    const ProxyHeader header = ParseProxyHeader(header_);
    if (header.status == ProxyHeader::Status::kFailed) return Refuse(header.fault);
    if (header.status == ProxyHeader::Status::kDone) {
      ReleaseSlot();  // for the connection
      return loop_.OnProxied(std::move(socket_), header.client.value_or(peer_));
    }
    const size_t have = header_.size();
    header_.resize(header.bytes);
    const ssize_t count =
        ::recv(socket_.native_handle(), header_.data() + have, header.bytes - have, MSG_DONTWAIT);
    header_.resize(have + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return AwaitBytes();
    if (count <= 0) return Close();  // a probe of the balancer that only connects
  }
}

void ProxiedSocket::Tick(base::SteadyTime now) {
  if (now >= deadline_) Close();
}

void ProxiedSocket::CloseSoon() { deadline_ = std::min(deadline_, loop_.Clock().Now() + kLastGrace); }

void ProxiedSocket::Refuse(std::string_view why) {
  loop_.ReportRefusedProxy(peer_, why);
  Close();
}

void ProxiedSocket::ReleaseSlot() {
  if (std::exchange(holds_slot_, false)) loop_.Connections().ReleaseSlot();
}

void ProxiedSocket::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace ei::http
