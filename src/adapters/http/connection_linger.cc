// The part of Connection that ends it so that the client gets to see the last reply.

#include <algorithm>
#include <utility>

#include <sys/socket.h>

#include "adapters/http/connection.h"
#include "adapters/http/event_loop.h"

namespace ei::http {

namespace asio = boost::asio;

namespace {

// As nginx has them (lingering_time, lingering_timeout): many clients look for a reply only when they have
// sent all, however much that is.
constexpr auto kLingerTime = std::chrono::seconds(30);
constexpr auto kLingerSilence = std::chrono::seconds(5);

}  // namespace

// Closing with unread bytes would reset the connection and could take the reply away from the client (RFC
// 9112, section 9.6): so first only our side is closed, and what comes is thrown away.
void Connection::Linger() {
  state_ = State::kLinger;
  LeavePlace();
  if (!reading_) {
    buffer_.Consume(buffer_.Size());
    GiveBackIdleMemory();
  }
  const base::SteadyTime now = loop_.Clock().Now();
  linger_end_ = now + (close_soon_ ? base::Duration(kLastLingerTime) : base::Duration(kLingerTime));
  deadline_ = std::min(linger_end_, now + kLingerSilence);
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  discard_left_ = loop_.EnterLinger(*this);
  AwaitDiscard();
}

void Connection::AwaitDiscard() {
  if (reading_) return;
  reading_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->reading_ = false;
                       if (error == asio::error::operation_aborted) return;
                       if (error) return self->Abort();
                       self->Discard();
                     });
}

// At most what the loop allows until its next tick.
void Connection::Discard() {
  if (!socket_.is_open()) return;
  const auto scratch = loop_.DiscardBuffer();
  while (discard_left_ > 0) {
    const size_t most = std::min<uint64_t>(discard_left_, scratch.size());
    // MSG_TRUNC: Linux throws the bytes away without copying them.
    const ssize_t bytes = ::recv(socket_.native_handle(), scratch.data(), most, MSG_TRUNC | MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return AwaitDiscard();
    if (bytes <= 0) return Abort();
    discard_left_ -= std::min<uint64_t>(discard_left_, static_cast<uint64_t>(bytes));
    deadline_ = std::min(linger_end_, loop_.Clock().Now() + kLingerSilence);
  }
  held_ = shared_from_this();
}

void Connection::LingerTick(base::SteadyTime now) {
  if (now >= std::min(deadline_, linger_end_)) return Abort();
  discard_left_ = loop_.DiscardAllowance();
  if (const auto self = std::exchange(held_, nullptr)) Discard();
}

void Connection::LeavePlace() {
  if (!std::exchange(holds_place_, false)) return;
  loop_.Connections().GivePlace();
  client_.LeaveConnection();
}

}  // namespace ei::http
