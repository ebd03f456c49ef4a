#include "adapters/http/transport.h"

namespace ei::http {

namespace asio = boost::asio;

void Transport::Close() {
  if (tls_ != nullptr) tls_->SendCloseNotify();
  EndTls();  // its descriptor may soon be another connection's
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Transport::Shutdown() {
  if (tls_ != nullptr) tls_->SendCloseNotify();
  EndTls();
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

bool Transport::BeginTls(std::shared_ptr<const TlsContext> context, ClientAuth client_auth) {
  if (!client_.TakeBytesOfStranger(kHandshakeBytes)) return false;
  charged_ = kHandshakeBytes;
  tls_ = std::make_unique<TlsSession>(std::move(context), client_auth, socket_.native_handle());
  first_bytes_ = std::make_unique<std::array<char, kFirstBytesMax>>();
  return true;
}

void Transport::CancelRead() {
  read_cancelled_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

size_t Transport::ReadSome(std::span<char> bytes, boost::system::error_code& error) {
  if (tls_ == nullptr) return socket_.read_some(asio::buffer(bytes.data(), bytes.size()), error);
  size_t read = 0;
  const TlsSession::Step step = tls_->Read(bytes, read);
  wants_write_ = step == TlsSession::Step::kWantsWrite;
  switch (step) {
    case TlsSession::Step::kDone: error.clear(); break;
    case TlsSession::Step::kWantsRead:
    case TlsSession::Step::kWantsWrite: error = asio::error::would_block; break;
    case TlsSession::Step::kEnded: error = asio::error::eof; break;
    case TlsSession::Step::kFailed: error = asio::error::connection_reset; break;
  }
  if (!ChargeRecords() && error == asio::error::would_block) error = asio::error::no_memory;
  return read;
}

size_t Transport::WriteSome(std::string_view bytes, boost::system::error_code& error) {
  if (tls_ == nullptr) return socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
  size_t written = 0;
  switch (tls_->Write(bytes, written)) {
    case TlsSession::Step::kDone: error.clear(); break;
    case TlsSession::Step::kWantsWrite: error = asio::error::would_block; break;
    default: error = asio::error::connection_reset; break;
  }
  if (!ChargeRecords()) error = asio::error::no_memory;
  return written;
}

bool Transport::ChargeRecords() {
  return Charge((tls_->HoldsPartOfRecord() ? kRecordBytes : 0) + (tls_->HasUnsent() ? kRecordBytes : 0));
}

bool Transport::Charge(size_t bytes) {
  if (bytes > charged_ && !client_.TakeBytes(bytes - charged_)) return false;
  if (bytes < charged_) client_.ReleaseBytes(charged_ - bytes);
  charged_ = bytes;
  return true;
}

void Transport::EndTls() {
  tls_.reset();
  Charge(0);
}

}  // namespace ei::http
