#include "adapters/http/connection.h"

#include <algorithm>
#include <utility>

#include "adapters/http/event_loop.h"

namespace ei::http {

namespace asio = boost::asio;

namespace {

// The body of a rejected request is read and discarded up to this size, so that the connection can be kept.
constexpr size_t kDiscardMax = 64 << 10;
constexpr size_t kCoalesceBytes = 64 << 10;  // replies to gather before they are written
constexpr auto kHoldBackTime = std::chrono::milliseconds(500);

// While the service stops: for the header of a last request.
constexpr auto kLastHeaderGrace = std::chrono::milliseconds(100);

}  // namespace

Connection::Connection(EventLoop& loop, asio::ip::tcp::socket socket, const asio::ip::address& peer)
    : loop_(loop),
      client_(peer, loop.Shares(), loop.Authentication(), loop.Shared().proxies, loop.Shared().inflight,
              loop.Clock().Now()),
      transport_(std::move(socket), client_),
      buffer_(client_),
      parser_(loop.Shared().options.header_bytes_max, loop.Shared().options.body_bytes_max) {
  loop_.Connections().Add();
  active_at_ = loop.Clock().Now();
}

Connection::~Connection() {
  client_.ReleaseBytes(chunked_charged_ + out_charged_ + pending_charged_);
  ReleaseSlot();
  loop_.Connections().Remove();
}

void Connection::Start(bool has_slot) {
  NextRequest(loop_.Clock().Now());
  if (has_slot && client_.EnterConnection()) {
    holds_slot_ = true;
    loop_.Connections().AcquireSlot();
    deadline_ = std::min(deadline_, active_at_ + loop_.SilenceTimeout());
    return loop_.UsesTls() ? AwaitHandshake() : Read();
  }
  OpenRequest();
  if (has_slot) {
    RefuseOverConnections();
  } else {
    RefuseAndClose(problems::kOverloaded, "the number of connections has reached http.connections_max",
                   std::chrono::seconds(1));
  }
  if (loop_.UsesTls()) return RefuseHandshake();  // a handshake would cost more than many requests
  Process();
}

void Connection::Read() {
  if (reading_) return;
  if (client_closed_) return Abort();
  if (!buffer_.MakeRoom(BufferBytesMax())) {
    RefuseForLackOfMemory();
    return Process();
  }
  reading_ = true;
  transport_.AsyncRead({buffer_.Free(), buffer_.FreeSize()},
                       [self = shared_from_this()](const boost::system::error_code& error, size_t bytes) {
                         self->reading_ = false;
                         if (error == asio::error::operation_aborted) return self->OnCancelled();
                         if (error) return self->OnReadFault(error);
                         self->OnRead(bytes);
                       });
}

void Connection::OnRead(size_t bytes) {
  if (!transport_.IsOpen()) return;
  buffer_.Commit(bytes);
  if (state_ == State::kLinger) {
    buffer_.Consume(buffer_.Size());
    return Discard();
  }
  if (state_ == State::kAck || HasReplyToWrite()) return;  // the end of the wait or of the write continues
  Process();
}

// A client may close its side of the connection and still wait for its reply.
void Connection::OnReadFault(const boost::system::error_code& error) {
  const bool reply_is_due = state_ == State::kAck || HasReplyToWrite();
  if (error == asio::error::eof && reply_is_due) {
    client_closed_ = true;
  } else if (error == asio::error::no_memory) {
    if (reply_is_due) return;  // the read after the reply will try again
    RefuseForLackOfMemory();
    Process();
  } else {
    Abort();
  }
}

// The pending read was cancelled: by Tick, to send the reply of a timeout or to free idle memory, or by
// CloseSoon.
void Connection::OnCancelled() {
  if (!transport_.IsOpen()) return;
  if (state_ == State::kLinger) return Discard();
  if (!request_open_) {
    ReleaseIdleMemory();
    if (close_soon_ && !close_after_write_) {
      boost::system::error_code error;
      const size_t bytes = transport_.ReadSome({buffer_.Free(), buffer_.FreeSize()}, error);
      return error ? Abort() : OnRead(bytes);
    }
  }
  Process();
}

// Replies that were produced quickly are written together with the other replies of this turn of the loop.
// Waking a client for each of its replies would cost more than producing them, and by the time of the next
// read the client's next request has arrived.
void Connection::Process() {
  RunSteps();
  const bool quick = active_at_ - request_began_ < EventLoop::kGatherTime;
  if (!out_.empty() && !close_after_write_ && quick) {
    write_due_ = true;
    return loop_.WriteLater(shared_from_this(), active_at_);
  }
  if (Advance()) Read();
}

void Connection::RunSteps() {
  while (!close_after_write_ && out_.size() < kCoalesceBytes && Step()) {
  }
}

bool Connection::Advance() {
  write_due_ = false;
  for (;;) {
    RunSteps();
    if (out_.empty()) break;
    if (!WriteOut()) return false;
    ForgetWritten();
    if (close_after_write_ || buffer_.Size() == 0) break;
  }
  if (close_after_write_ || (close_soon_ && !HasRequestToAnswer())) {
    Linger();
    return false;
  }
  return state_ != State::kAck && state_ != State::kHeldBack;
}

// Returns false if the current state can't continue with the bytes that have been read.
bool Connection::Step() {
  switch (state_) {
    case State::kHeader: return OnHeader();
    case State::kBody: return OnBody();
    case State::kDiscard: return OnDiscard();
    case State::kAck: return OnWait();
    case State::kHandshake:
    case State::kHeldBack:
    case State::kLinger: return false;
  }
  return false;
}

bool Connection::OnHeader() {
  if (buffer_.Size() == 0) return false;
  if (!request_open_) OpenRequest();
  const auto [status, consumed] = parser_.ParseHeader(buffer_.Data());
  buffer_.Consume(consumed);
  if (status == ParseStatus::kFailed) {
    RefuseMalformed();
    return true;
  }
  if (status == ParseStatus::kNeedMore) return consumed > 0 && buffer_.Size() > 0;

  deadline_ = request_began_ + loop_.Shared().options.request_timeout;
  Request& request = parser_.Current();
  if (!Identify(request)) return true;
  Reply& reply = loop_.ScratchReply();
  if (!loop_.Admit(request, request_began_, reply)) {
    const uint64_t body = request.content_length.value_or(0);
    const bool close = request.chunked || body > kDiscardMax || request.expects_continue;
    Answer(request, reply, close || ShouldClose(request));
    discard_left_ = body;
    state_ = State::kDiscard;
    close_after_write_ = close;
    refused_early_ = close && (body > 0 || request.chunked);
    return true;
  }
  state_ = State::kBody;
  const bool has_body = request.chunked || request.content_length.value_or(0) > 0;
  if (request.expects_continue && has_body && buffer_.Size() == 0) {
    out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  }
  return true;
}

// Returns false if it has rejected the request.
bool Connection::Identify(Request& request) {
  if (!loop_.NeedsClient(request.route)) return true;
  if (client_.Identify(request, request_began_, loop_.WallNow())) {
    if (request.auth_fault != AuthFault::kNone) loop_.ReportUnauthenticated(request.auth_fault, client_);
    return true;
  }
  RefuseOverConnections();
  return false;
}

// The largest number of bytes that the current state needs in the buffer at once.
size_t Connection::BufferBytesMax() const {
  if (state_ != State::kBody) return loop_.Shared().options.header_bytes_max + 1;
  return parser_.Current().content_length.value_or(0);
}

bool Connection::OnBody() {
  Request& request = parser_.Current();
  size_t body_in_buffer = 0;
  if (request.chunked) {
    if (!GrowChunkedBody(chunked_body_.size() + buffer_.Size())) return true;
    const auto [status, consumed] = parser_.ParseChunks(buffer_.Data(), chunked_body_);
    buffer_.Consume(consumed);
    if (status == ParseStatus::kFailed) {
      RefuseMalformed();
      return true;
    }
    if (status == ParseStatus::kNeedMore) return false;
    request.body = chunked_body_;
  } else {
    body_in_buffer = request.content_length.value_or(0);
    if (buffer_.Size() < body_in_buffer) return false;
    request.body = buffer_.Data().substr(0, body_in_buffer);
  }
  Reply& reply = loop_.ScratchReply();
  if (auto pending = loop_.Handle(request, reply); pending != nullptr) {
    buffer_.Consume(body_in_buffer);
    AwaitAck(std::move(pending));
    return true;
  }
  const bool close = ShouldClose(request);
  const base::SteadyTime now = Answer(request, reply, close);
  buffer_.Consume(body_in_buffer);
  Finish(close, now);
  return true;
}

// Returns the current time.
base::SteadyTime Connection::Answer(const Request& request, const Reply& reply, bool close) {
  if (!reply.over_share.empty()) loop_.ReportOverShare(reply.over_share, client_);
  hold_back_ = !reply.over_share.empty() && !client_.IsProxy();
  return active_at_ = loop_.Answer(out_, request, reply, close, request_began_);
}

bool Connection::OnDiscard() {
  const size_t bytes = std::min<uint64_t>(discard_left_, buffer_.Size());
  buffer_.Consume(bytes);
  discard_left_ -= bytes;
  if (discard_left_ > 0) return false;
  Finish(ShouldClose(parser_.Current()), loop_.Clock().Now());
  return true;
}

// Makes room for `bytes` bytes of a chunked body. The capacity is doubled, but, unlike with the string's own
// growth, not beyond the largest body that is allowed. Returns false if the memory limit is exceeded; the
// request is then rejected.
bool Connection::GrowChunkedBody(size_t bytes) {
  const size_t before = chunked_body_.capacity();
  if (bytes <= before) return true;
  const size_t most = loop_.Shared().options.body_bytes_max;
  std::string larger;
  larger.reserve(std::min(std::max(bytes, 2 * before), std::max(most, before + 1)));
  const size_t grown = larger.capacity() - std::min(before, larger.capacity());
  if (!client_.TakeBytes(grown)) {
    RefuseForLackOfMemory();
    return false;
  }
  chunked_charged_ += grown;
  larger.append(chunked_body_);
  chunked_body_ = std::move(larger);
  return true;
}

void Connection::OpenRequest() {
  fresh_ = false;
  request_open_ = true;
  request_began_ = loop_.Clock().Now();
  const base::Duration allowed = loop_.HeaderTimeout();
  deadline_ = request_began_ + (close_soon_ ? std::min<base::Duration>(allowed, kLastHeaderGrace) : allowed);
}

bool Connection::ShouldClose(const Request& request) const {
  return !request.keep_alive || close_soon_ || loop_.Shared().announce_close.load(std::memory_order_relaxed);
}

// Called when the current request has been answered.
void Connection::Finish(bool close, base::SteadyTime now) {
  if (close) {
    close_after_write_ = true;
  } else {
    NextRequest(now);
  }
}

void Connection::NextRequest(base::SteadyTime now) {
  const bool held_back = std::exchange(hold_back_, false);
  state_ = held_back ? State::kHeldBack : State::kHeader;
  if (held_back) self_ref_ = shared_from_this();
  request_open_ = false;
  chunked_body_.clear();
  parser_.Restart();
  deadline_ = now + (held_back ? kHoldBackTime : base::Duration(loop_.Shared().options.idle_timeout));
}

// Ends the hold-back.
void Connection::Resume() {
  const auto self = std::exchange(self_ref_, nullptr);
  NextRequest(loop_.Clock().Now());
  Process();
}

// Must not be called while an operation reads into the buffer.
void Connection::ReleaseIdleMemory() {
  buffer_.ShrinkWhenEmpty();
  if (chunked_charged_ == 0) return;
  chunked_body_ = std::string();
  client_.ReleaseBytes(chunked_charged_);
  chunked_charged_ = 0;
}

void Connection::Tick(base::SteadyTime now) {
  if (state_ == State::kLinger) return LingerTick(now);
  if (write_due_) return;
  if (writing_) {
    if (now >= write_deadline_) Abort();
    return;
  }
  const bool expired = now >= deadline_;
  if (state_ == State::kHandshake) {
    if (!expired) return;
    if (transport_.HasTls()) loop_.ReportHandshakeFailed(tls_fault::kTimedOut, client_);
    return Abort();
  }
  if (state_ == State::kHeldBack) {
    if (expired) Resume();
    return;
  }
  if (state_ == State::kAck) {
    if (expired) return EndWait(AckOutcome::kTimedOut);
    if (reading_ || client_closed_) return;
    ReleaseIdleMemory();
    if (buffer_.Size() == 0) Read();
    return;
  } else if (!HasRequestToAnswer()) {
    if (expired) return Abort();
    const bool idle = !request_open_ && state_ == State::kHeader;
    if (!idle || (!buffer_.CanShrink() && chunked_charged_ == 0)) return;
  } else if (!expired) {
    return;
  } else if (state_ == State::kHeader && close_soon_) {
    return Abort();
  } else if (state_ == State::kHeader) {
    RefuseAndClose(problems::kHeaderTimeout, "the header took longer than 10 s or http.request_timeout");
  } else {
    RefuseAndClose(problems::kBodyTimeout, "the request took longer than http.request_timeout");
  }
  transport_.CancelRead();
}

void Connection::CloseSoon() {
  close_soon_ = true;
  if (state_ == State::kLinger) linger_end_ = std::min(linger_end_, loop_.Clock().Now() + kLastLingerTime);
  if (HasReplyToWrite()) return;
  if (state_ == State::kHeldBack) return Resume();
  if (state_ == State::kDiscard) return Linger();
  if (state_ != State::kHeader && state_ != State::kHandshake) return;
  if (fresh_ || request_open_) {
    // A request, or the rest of its header, may arrive within a moment.
    deadline_ = std::min(deadline_, loop_.Clock().Now() + kLastHeaderGrace);
  } else {
    transport_.CancelRead();
  }
}

void Connection::Abort() {
  transport_.Close();
  ReleaseSlot();
  DropWait();
}

}  // namespace ei::http
