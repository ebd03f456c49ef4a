// The part of Connection that writes its replies.

#include <utility>

#include "adapters/http/connection.h"
#include "adapters/http/event_loop.h"

namespace ei::http {

namespace asio = boost::asio;

namespace {

constexpr size_t kOutBytesFree = 4 << 10;   // unwritten replies up to this size are not charged
constexpr size_t kOutBytesKept = 64 << 10;  // a larger capacity is freed after the write

}  // namespace

// Writes as much as the socket accepts at once, and the rest asynchronously. Returns true if everything is
// written. Returns false if the asynchronous write will continue the processing, or if the connection was
// closed.
bool Connection::WriteOut() {
  boost::system::error_code error;
  const size_t sent = transport_.WriteSome(out_, error);
  if (!error && sent == out_.size()) return true;
  if (error == asio::error::no_memory) {
    loop_.DropUnread(*this);
    return false;
  }
  if (error && error != asio::error::would_block) {
    Abort();
    return false;
  }
  if (!error) out_.erase(0, sent);
  if (!ChargeUnwritten()) {
    loop_.DropUnread(*this);
    return false;
  }
  writing_ = true;
  write_deadline_ = loop_.Clock().Now() + loop_.Shared().options.request_timeout;
  transport_.AsyncWrite(out_, [self = shared_from_this()](const boost::system::error_code& failed, size_t) {
    self->writing_ = false;
    if (failed) return self->Abort();
    self->ForgetWritten();
    self->Process();
  });
  return false;
}

// Charges replies that the client doesn't read in the same way as the bytes that it sends. A small amount is
// free, like the first bytes of a read buffer. Returns false if the memory limit is exceeded.
bool Connection::ChargeUnwritten() {
  if (out_.size() <= kOutBytesFree) return true;
  out_.shrink_to_fit();
  if (!client_.TakeBytes(out_.capacity())) return false;
  out_charged_ = out_.capacity();
  return true;
}

void Connection::ForgetWritten() {
  client_.ReleaseBytes(std::exchange(out_charged_, 0));
  out_.clear();
  if (out_.capacity() > kOutBytesKept) out_.shrink_to_fit();
}

}  // namespace ei::http
