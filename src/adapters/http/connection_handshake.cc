// The part of Connection before the first request on a port with TLS.

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "adapters/http/connection.h"
#include "adapters/http/event_loop.h"

namespace ei::http {

namespace {

constexpr char kHandshakeRecord = 0x16;  // the first byte of every TLS connection
// A fatal alert, internal_error, before any handshake (RFC 8446, sections 5.1 and 6).
constexpr std::string_view kAlert("\x15\x03\x01\x00\x02\x02\x50", 7);

bool BeginsHttp(char byte) { return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'); }

}  // namespace

// Nothing is allocated for TLS until the client has sent its first byte.
void Connection::AwaitHandshake() {
  state_ = State::kHandshake;
  transport_.AwaitReadable([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || !self->transport_.IsOpen()) return;
    self->request_began_ = self->loop_.Clock().Now();
    self->deadline_ = std::min(self->deadline_, self->request_began_ + self->loop_.HeaderTimeout());
    self->loop_.QueueHandshake(self);
  });
}

void Connection::ContinueHandshake() {
  if (!transport_.IsOpen() || (!transport_.HasTls() && !BeginHandshake())) return;
  const auto queue = [self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && self->transport_.IsOpen()) self->loop_.QueueHandshake(self);
  };
  switch (transport_.Tls().Handshake()) {
    case TlsSession::Step::kWantsRead: return transport_.AwaitReadable(queue);
    case TlsSession::Step::kWantsWrite: return transport_.AwaitWritable(queue);
    case TlsSession::Step::kDone: return FinishHandshake();
    case TlsSession::Step::kEnded:
    case TlsSession::Step::kFailed:
      loop_.ReportHandshakeFailed(transport_.Tls().Fault(), client_);
      return Linger();  // so that the client can receive the alert
  }
}

// Returns false if the connection ends without a handshake.
bool Connection::BeginHandshake() {
  char first = 0;
  const ssize_t count = ::recv(transport_.Descriptor(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    deadline_ = loop_.Clock().Now() + loop_.SilenceTimeout();
    AwaitHandshake();
    return false;
  }
  if (count != 1) {
    Abort();  // a client that sent nothing, such as a probe of TCP
    return false;
  }
  if (first != kHandshakeRecord) {
    RefuseWithoutTls(BeginsHttp(first));
    return false;
  }
  if (!transport_.BeginTls(loop_.Tls(), loop_.ClientAuthentication())) {
    loop_.ReportHandshakeFailed(tls_fault::kNoMemory, client_);
    RefuseHandshake();
    return false;
  }
  return true;
}

void Connection::FinishHandshake() {
  transport_.ReleaseHandshake();
  if (auto certificate = transport_.Tls().ClientCertificate())
    client_.SetCertificate(std::move(*certificate));
  const base::SteadyTime now = loop_.Clock().Now();
  loop_.ReportHandshake(transport_.Tls().Resumed(), now - request_began_);
  state_ = State::kHeader;
  deadline_ = now + loop_.SilenceTimeout();
  if (close_soon_) CloseSoon();
  Read();
}

void Connection::RefuseWithoutTls(bool is_http) {
  loop_.ReportHandshakeFailed(is_http ? tls_fault::kPlainHttp : tls_fault::kNotTls, client_);
  if (!is_http) return RefuseHandshake();
  OpenRequest();
  RefuseAndClose(problems::kPlainHttpOnTlsPort, "this port expects TLS: use https:// in the URL");
  Process();
}

void Connection::RefuseHandshake() {
  out_ = kAlert;
  close_after_write_ = true;
  Process();
}

}  // namespace ei::http
