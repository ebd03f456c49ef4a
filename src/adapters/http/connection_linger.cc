// The part of Connection that closes it in such a way that the client can receive the last reply.

#include <algorithm>
#include <utility>

#include <sys/socket.h>

#include "adapters/http/connection.h"
#include "adapters/http/event_loop.h"

namespace ei::http {

namespace asio = boost::asio;

namespace {

// nginx's defaults for lingering_time and lingering_timeout. Many clients read a reply only after they have
// sent the whole request, however large it is.
constexpr auto kLingerTime = std::chrono::seconds(30);
constexpr auto kLingerSilence = std::chrono::seconds(5);

}  // namespace

// Closing a socket that has unread bytes resets the connection, and the client may then lose the reply (RFC
// 9112, section 9.6). So this closes only the sending side first, and discards all input.
void Connection::Linger() {
  state_ = State::kLinger;
  ReleaseSlot();
  if (!reading_) {
    buffer_.Consume(buffer_.Size());
    ReleaseIdleMemory();
  }
  const base::SteadyTime now = loop_.Clock().Now();
  linger_end_ = now + (close_soon_ ? base::Duration(kLastLingerTime) : base::Duration(kLingerTime));
  deadline_ = std::min(linger_end_, now + kLingerSilence);
  transport_.Shutdown();
  discard_left_ = loop_.EnterLinger(*this);
  AwaitDiscard();
}

void Connection::AwaitDiscard() {
  if (reading_) return;
  reading_ = true;
  transport_.AwaitReadable([self = shared_from_this()](const boost::system::error_code& error) {
    self->reading_ = false;
    if (error == asio::error::operation_aborted) return;
    if (error) return self->Abort();
    self->Discard();
  });
}

// Discards at most discard_left_ bytes, which the loop allows until its next tick. Then it pauses until
// LingerTick.
void Connection::Discard() {
  if (!transport_.IsOpen()) return;
  const auto scratch = loop_.DiscardBuffer();
  while (discard_left_ > 0) {
    const size_t most = std::min<uint64_t>(discard_left_, scratch.size());
    // MSG_TRUNC: Linux discards the bytes without copying them.
    const ssize_t bytes = ::recv(transport_.Descriptor(), scratch.data(), most, MSG_TRUNC | MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return AwaitDiscard();
    if (bytes <= 0) return Abort();
    discard_left_ -= std::min<uint64_t>(discard_left_, static_cast<uint64_t>(bytes));
    deadline_ = std::min(linger_end_, loop_.Clock().Now() + kLingerSilence);
  }
  self_ref_ = shared_from_this();
}

void Connection::LingerTick(base::SteadyTime now) {
  if (now >= std::min(deadline_, linger_end_)) return Abort();
  discard_left_ = loop_.DiscardAllowance();
  if (const auto self = std::exchange(self_ref_, nullptr)) Discard();
}

void Connection::ReleaseSlot() {
  if (!std::exchange(holds_slot_, false)) return;
  loop_.Connections().ReleaseSlot();
  client_.LeaveConnection();
}

}  // namespace ei::http
