// The part of Connection that writes its replies.

#include <utility>

#include <boost/asio/write.hpp>

#include "adapters/http/connection.h"
#include "adapters/http/event_loop.h"

namespace ei::http {

namespace asio = boost::asio;

namespace {

constexpr size_t kOutBytesFree = 4 << 10;   // of replies that a client doesn't take
constexpr size_t kOutBytesKept = 64 << 10;  // a larger reply's memory is given back

}  // namespace

// Tries to write at once and waits for the socket only with what it didn't take; false: it will go on later,
// or the connection is gone.
bool Connection::WriteOut() {
  boost::system::error_code error;
  const size_t sent = socket_.write_some(asio::buffer(out_), error);
  if (!error && sent == out_.size()) return true;
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
  write_deadline_ = loop_.Clock().Now() + loop_.Shared().options.write_timeout;
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this()](const boost::system::error_code& failed, size_t) {
                      self->writing_ = false;
                      if (failed) return self->Abort();
                      self->ForgetWritten();
                      self->Process();
                    });
  return false;
}

// What the client doesn't take counts as what it sends; a little is free, as the first of a buffer is. False:
// there is too much of it.
bool Connection::ChargeUnwritten() {
  if (out_.size() <= kOutBytesFree) return true;
  out_.shrink_to_fit();
  if (!client_.TakeBytes(out_.capacity())) return false;
  out_taken_ = out_.capacity();
  return true;
}

void Connection::ForgetWritten() {
  client_.GiveBytes(std::exchange(out_taken_, 0));
  out_.clear();
  if (out_.capacity() > kOutBytesKept) out_.shrink_to_fit();
}

}  // namespace ei::http
