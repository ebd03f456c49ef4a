#include "adapters/http/tls_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "adapters/http/tls_peer_certificate.h"

namespace ei::http {

namespace {

// One call of Read leaves the loop to others after this much.
constexpr size_t kReadBytesMax = 64 << 10;
// Data follow a record of this size at once: it is a part of a larger body.
constexpr size_t kLargeRecord = 8 << 10;

std::string_view FaultOf(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return tls_fault::kMalformed;
  if (reason > SSL_AD_REASON_OFFSET) return tls_fault::kRefused;
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNKNOWN_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_INAPPROPRIATE_FALLBACK: return tls_fault::kVersion;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM: return tls_fault::kCipher;
    case SSL_R_NO_APPLICATION_PROTOCOL: return tls_fault::kProtocol;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return tls_fault::kNoCertificate;
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return tls_fault::kBadCertificate;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return tls_fault::kClosed;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER: return tls_fault::kNotTls;
    default: return tls_fault::kMalformed;
  }
}

// SSL_get_error needs an empty queue, which it nearly always is; clearing it again costs more than a look.
void ClearErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

int VerifyMode(ClientAuth auth) {
  switch (auth) {
    case ClientAuth::kOff: return SSL_VERIFY_NONE;
    case ClientAuth::kOptional: return SSL_VERIFY_PEER;
    case ClientAuth::kRequired: return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_NONE;
}

}  // namespace

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, ClientAuth client_auth, int socket)
    : context_(std::move(context)),
      ssl_(SSL_new(context_->Get())),
      socket_(socket),
      requires_certificate_(client_auth == ClientAuth::kRequired) {
  BIO* const bio = BIO_new(SocketMethod());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
  SSL_set_info_callback(ssl_, &TlsSession::OnStateChange);
  SSL_set_verify(ssl_, VerifyMode(client_auth), nullptr);
  const TlsContext::Scope& scope = context_->SessionScope(client_auth);
  SSL_set_session_id_context(ssl_, scope.data(), static_cast<unsigned int>(scope.size()));
  SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

TlsSession::Step TlsSession::Handshake() {
  ClearErrors();
  const Step step = Result(SSL_do_handshake(ssl_));
  if (step == Step::kDone) {
    if (requires_certificate_ && SSL_get0_peer_certificate(ssl_) == nullptr) {
      fault_ = tls_fault::kNoCertificate;
      return Step::kFailed;
    }
    open_ = true;
    control_messages_ = 0;
    return step;
  }
  if (step == Step::kEnded) fault_ = tls_fault::kClosed;
  return step == Step::kEnded ? Step::kFailed : step;
}

bool TlsSession::Resumed() const { return SSL_session_reused(ssl_) == 1; }

std::optional<PeerCertificate> TlsSession::ClientCertificate() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) return std::nullopt;
  return NamesOf(*certificate);
}

TlsSession::Step TlsSession::Read(std::span<char> bytes, size_t& read) {
  read = 0;
  bytes = bytes.first(std::min(bytes.size(), kReadBytesMax));
  while (!bytes.empty()) {
    ClearErrors();
    size_t some = 0;
    const Step step = Result(SSL_read_ex(ssl_, bytes.data(), bytes.size(), &some));
    if (step != Step::kDone) return read > 0 ? Step::kDone : step;
    control_messages_ = 0;
    read += some;
    bytes = bytes.subspan(some);
    if (some < kLargeRecord && !HasUnread()) break;
  }
  return Step::kDone;
}

TlsSession::Step TlsSession::Write(std::string_view bytes, size_t& written) {
  written = 0;
  while (written < bytes.size()) {
    ClearErrors();
    size_t some = 0;
    const Step step = Result(SSL_write_ex(ssl_, bytes.data() + written, bytes.size() - written, &some));
    unsent_ = step == Step::kWantsWrite;
    if (step != Step::kDone) return written > 0 && step != Step::kFailed ? Step::kDone : step;
    written += some;
  }
  return Step::kDone;
}

void TlsSession::SendCloseNotify() {
  if (!open_) return;
  ClearErrors();
  SSL_shutdown(ssl_);
}

bool TlsSession::HasUnread() const { return !supplied_.empty() || SSL_has_pending(ssl_) == 1; }

bool TlsSession::HoldsPartOfRecord() const {
  return HasUnread() || std::string_view(SSL_rstate_string(ssl_)) == "RB";
}

TlsSession::Step TlsSession::Result(int outcome) {
  if (outcome == 1) return Step::kDone;
  switch (SSL_get_error(ssl_, outcome)) {
    case SSL_ERROR_WANT_READ: return Step::kWantsRead;
    case SSL_ERROR_WANT_WRITE: return Step::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN: return Step::kEnded;
    case SSL_ERROR_SYSCALL: fault_ = tls_fault::kClosed; break;
    default: fault_ = FaultOf(ERR_peek_error()); break;
  }
  open_ = false;
  return Step::kFailed;
}

// The state machine of the handshake also handles the messages after it, and calls this at each of its steps.
void TlsSession::OnStateChange(const SSL* ssl, int where, int) {
  if ((where & SSL_CB_LOOP) == 0) return;
  ++static_cast<TlsSession*>(SSL_get_app_data(ssl))->control_messages_;
}

int TlsSession::ReadSocket(BIO* bio, char* bytes, int size) {
  auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (session.open_ && session.control_messages_ > kControlMessagesMax) return -1;
  if (!session.supplied_.empty()) {
    const size_t count = std::min(session.supplied_.size(), static_cast<size_t>(size));
    std::ranges::copy(session.supplied_.first(count), bytes);
    session.supplied_ = session.supplied_.subspan(count);
    return static_cast<int>(count);
  }
  const ssize_t count = ::recv(session.socket_, bytes, static_cast<size_t>(size), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  session.at_end_ = count == 0;
  return static_cast<int>(count);
}

int TlsSession::WriteSocket(BIO* bio, const char* bytes, int size) {
  const auto& session = *static_cast<const TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::send(session.socket_, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

long TlsSession::Control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<const TlsSession*>(BIO_get_data(bio))->at_end_ ? 1 : 0;
  return 0;
}

// OpenSSL's own BIO of a socket raises SIGPIPE. Lives as long as the process.
BIO_METHOD* TlsSession::SocketMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    BIO_meth_set_read(made, &TlsSession::ReadSocket);
    BIO_meth_set_write(made, &TlsSession::WriteSocket);
    BIO_meth_set_ctrl(made, &TlsSession::Control);
    return made;
  }();
  return method;
}

}  // namespace ei::http
