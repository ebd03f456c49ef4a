#include "bench/connection.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace ei::bench {
namespace {
constexpr std::size_t kBatchReplyBytesMax = std::size_t{64} * 1024 * 1024;
constexpr int kPartialSuccess = 207;
}  // namespace

TlsClient::TlsClient(bool resumes) : context_(SSL_CTX_new(TLS_client_method())), resumes_(resumes) {
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context_, 1);
  SSL_CTX_set_app_data(context_, this);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_, &TlsClient::OnSession);
}

TlsClient::~TlsClient() {
  SSL_SESSION_free(session_);
  SSL_CTX_free(context_);
}

SSL* TlsClient::Begin(int socket) const {
  SSL* const ssl = SSL_new(context_);
  SSL_set_fd(ssl, socket);
  SSL_set_connect_state(ssl);
  // A copy, because OpenSSL resumes a session of TLS 1.3 only once, and connections open at the same time.
  if (resumes_ && session_ != nullptr) {
    SSL_SESSION* const copy = SSL_SESSION_dup(session_);
    SSL_set_session(ssl, copy);
    SSL_SESSION_free(copy);
  }
  return ssl;
}

int TlsClient::OnSession(SSL* ssl, SSL_SESSION* session) {
  auto& client = *static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  SSL_SESSION_free(client.session_);
  client.session_ = session;
  return 1;  // it is kept
}

void Connection::FreeSsl::operator()(SSL* ssl) const { SSL_free(ssl); }

Connection::Connection(const EventTemplate& request, const ConnectionKind& kind, std::uint32_t user)
    : request_(request), kind_(kind), slots_(kind.pipeline) {
  assert(kind.pipeline > 0);
  requests_.reserve(request.Text().size() * kind.pipeline);
  for (std::uint32_t slot = 0; slot < kind.pipeline; ++slot) {
    requests_.insert(requests_.end(), request.Text().begin(), request.Text().end());
    request.SetUser(std::span(requests_).last(request.Text().size()), user);
  }
}

Connection::State Connection::Connect(const sockaddr_in& address, const sockaddr_in& source) {
  assert(state_ == State::kClosed && socket_ < 0);
  closed_in_order_ = false;
  reply_error_.clear();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return state_;
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // The local port is chosen together with the destination, so that many connections can share one port.
  ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (::bind(socket_, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
    Close();
    return state_;
  }
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    state_ = kind_.tls != nullptr ? State::kConnecting : State::kOpen;
  } else if (errno == EINPROGRESS) {
    state_ = State::kConnecting;
  } else {
    Close();
  }
  return state_;
}

Connection::State Connection::FinishConnect() {
  assert(state_ == State::kConnecting);
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    Close();
    return state_;
  }
  if (kind_.tls != nullptr) {
    if (!ssl_) ssl_.reset(kind_.tls->Begin(socket_));
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    if (outcome != 1) {
      const int wanted = SSL_get_error(ssl_.get(), outcome);
      if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) Close();
      return state_;
    }
  }
  state_ = State::kOpen;
  return state_;
}

void Connection::Close() {
  ssl_.reset();
  answered_ = 0;
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  state_ = State::kClosed;
  oldest_ = 0;
  in_flight_ = 0;
  queued_bytes_ = 0;
  sent_bytes_ = 0;
  partial_.clear();
  body_left_ = 0;
}

void Connection::Queue(const InFlight& request) {
  assert(HasRoom());
  const std::size_t slot = (oldest_ + in_flight_) % slots_.size();
  const std::size_t bytes = request_.Text().size();
  const auto copy = std::span(requests_).subspan(slot * bytes, bytes);
  request_.Number(copy, request.first_counter);
  // The slot still holds the request as it was last sent.
  if (request.named != slots_[slot].named) request_.SetNamed(copy, request.named);
  Append(request);
}

void Connection::QueueAgain(Clock::time_point started) {
  assert(HasRoom() && slots_.size() == 1);
  InFlight again = slots_.front();
  again.started = started;
  Append(again);
}

void Connection::Append(const InFlight& request) {
  slots_[(oldest_ + in_flight_) % slots_.size()] = request;
  ++in_flight_;
  queued_bytes_ += request_.Text().size();
}

Connection::State Connection::Flush() {
  while (state_ == State::kOpen && sent_bytes_ < queued_bytes_) {
    const std::size_t from = sent_bytes_ % requests_.size();
    const std::size_t bytes = std::min<std::size_t>(queued_bytes_ - sent_bytes_, requests_.size() - from);
    const ssize_t sent = Send(std::span(requests_).subspan(from, bytes));
    if (sent >= 0) {
      sent_bytes_ += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      // The reply that explains the close may still be readable: Receive() reads it and then finds the end of
      // the stream.
      break;
    }
  }
  return state_;
}

Connection::State Connection::Receive(std::span<char> scratch, ReplyListener& listener) {
  while (state_ == State::kOpen) {
    const ssize_t received = Recv(scratch);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN) break;
    if (received <= 0) {
      closed_in_order_ = received == 0 && in_flight_ == 0;
      state_ = State::kClosed;
      break;
    }
    const std::string_view data(scratch.data(), static_cast<std::size_t>(received));
    if (partial_.empty()) {
      Parse(data, listener);
    } else {
      const std::string joined = std::move(partial_) + std::string(data);
      partial_.clear();
      Parse(joined, listener);
    }
    // A short read has emptied the socket; later data causes a new edge. With TLS a read returns one record.
    if (!ssl_ && data.size() < scratch.size()) break;
  }
  return state_;
}

ssize_t Connection::Send(std::span<const char> bytes) {
  if (!ssl_) return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  ERR_clear_error();
  std::size_t written = 0;
  const int outcome = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  return TlsResult(outcome, written);
}

ssize_t Connection::Recv(std::span<char> bytes) {
  if (!ssl_) return ::recv(socket_, bytes.data(), bytes.size(), 0);
  ERR_clear_error();
  std::size_t read = 0;
  const int outcome = SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &read);
  return TlsResult(outcome, read);
}

ssize_t Connection::TlsResult(int outcome, std::size_t bytes) {
  if (outcome == 1) return static_cast<ssize_t>(bytes);
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: errno = ECONNRESET; return -1;
  }
}

Connection::State Connection::Parse(std::string_view data, ReplyListener& listener) {
  while (state_ == State::kOpen && !data.empty()) {
    if (body_left_ > 0) {
      const std::size_t skipped = std::min(body_left_, data.size());
      data.remove_prefix(skipped);
      body_left_ -= skipped;
      if (body_left_ == 0) Finish({}, listener);
      continue;
    }
    const auto head = ParseReplyHead(data);
    if (!head) return Fault(head.error().message);
    if (!*head) {
      partial_ = data;
      break;
    }
    head_ = **head;
    if (head_.status < 200) {
      data.remove_prefix(head_.head_bytes);
      continue;
    }
    if (in_flight_ == 0) return Fault("a reply without a request");
    if (head_.status == kPartialSuccess) {
      if (head_.body_bytes > kBatchReplyBytesMax) return Fault("a batch reply that is too long");
      if (data.size() < head_.head_bytes + head_.body_bytes) {
        partial_ = data;
        break;
      }
      const std::string_view body = data.substr(head_.head_bytes, head_.body_bytes);
      data.remove_prefix(head_.head_bytes + head_.body_bytes);
      Finish(body, listener);
      continue;
    }
    data.remove_prefix(head_.head_bytes);
    body_left_ = head_.body_bytes;
    if (body_left_ == 0) Finish({}, listener);
  }
  return state_;
}

void Connection::Finish(std::string_view body, ReplyListener& listener) {
  const InFlight answered = slots_[oldest_];
  oldest_ = static_cast<std::uint32_t>((oldest_ + 1) % slots_.size());
  --in_flight_;
  if (head_.close || ++answered_ == kind_.close_after) {
    closed_in_order_ = in_flight_ == 0;
    state_ = State::kClosed;
  }
  listener.OnReply(head_, body, answered);
}

Connection::State Connection::Fault(std::string why) {
  reply_error_ = std::move(why);
  state_ = State::kClosed;
  return state_;
}

}  // namespace ei::bench
