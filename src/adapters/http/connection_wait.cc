// The part of Connection in which a request waits for its ack.

#include <utility>

#include "adapters/http/connection.h"
#include "adapters/http/event_loop.h"

namespace ei::http {

void Connection::AwaitAck(std::unique_ptr<PendingAck> pending) {
  pending_ = std::move(pending);
  pending_->connection = shared_from_this();
  state_ = State::kAck;
  deadline_ = loop_.Clock().Now() + loop_.Shared().options.ack_timeout;
  ChargePending();
  loop_.Acks().Enter();  // who counts it finds it charged
}

// Charges the memory that the reply needs. The request's events are accepted already, so the memory is
// charged even if it exceeds the limit; in that case the memory of the request's body, which is no longer
// needed, is freed first.
void Connection::ChargePending() {
  const size_t bytes = pending_->LargeBytes();
  if (bytes > 0 && !client_.TakeBytes(bytes)) {
    ReleaseIdleMemory();
    client_.CountBytes(bytes);
  }
  pending_charged_ = bytes;
}

bool Connection::OnWait() {
  if (pending_->outcome == AckOutcome::kAwaited) return false;
  Request& request = parser_.Current();
  Reply& reply = loop_.ScratchReply();
  loop_.Finish(request, *pending_, reply);
  const bool close = ShouldClose(request) || pending_->outcome == AckOutcome::kStorageFailed ||
                     pending_->outcome == AckOutcome::kStopping;
  ReturnPending();  // the callers keep this alive
  active_at_ = loop_.Answer(out_, request, reply, close, request_began_);
  Finish(close, active_at_);
  return true;
}

bool Connection::OnAck() {
  return !HasReplyToWrite() && Advance();  // the end of a write continues by itself
}

void Connection::EndWait(AckOutcome outcome) {
  if (pending_ == nullptr) return;
  const auto self = shared_from_this();
  pending_->outcome = outcome;
  if (OnAck()) Read();
}

void Connection::DropWait() {
  if (pending_ != nullptr) ReturnPending();
  self_ref_.reset();
}

void Connection::ReturnPending() {
  client_.ReleaseBytes(std::exchange(pending_charged_, 0));
  loop_.Acks().Return(std::move(pending_));
}

}  // namespace ei::http
