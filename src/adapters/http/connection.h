#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list_hook.hpp>

#include "adapters/http/connection_client.h"
#include "adapters/http/pending_ack.h"
#include "adapters/http/problem.h"
#include "adapters/http/read_buffer.h"
#include "adapters/http/request_parser.h"
#include "adapters/http/transport.h"
#include "base/time.h"

namespace ei::http {

class EventLoop;

// One client connection on its event loop. On a port with TLS it begins with the handshake. It reads, parses
// and answers requests in order. Replies to pipelined requests are written together, and replies of all
// connections that were answered in the same turn of the loop are written one after the other.
//
// All functions are for the loop's thread. A connection lives as long as an operation on its socket is
// pending, its request waits for an ack, or it is held back.
//
// While a request waits for its ack, the requests pipelined behind it wait too, and nothing is read: most
// waits end before a read could return anything. During a long wait Tick starts a read, so that a close by
// the client is noticed. The buffer isn't changed until that read has ended.
//
// After an over-share rejection the connection is held back: it is not read for 500 ms. Otherwise a client
// that ignores rejections would cost as much as one that is accepted. A trusted proxy's connection is not
// held back, because its next request may be another client's.
class Connection final
    : public std::enable_shared_from_this<Connection>,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Connection(EventLoop& loop, boost::asio::ip::tcp::socket socket, const boost::asio::ip::address& peer);
  ~Connection();

  // Starts reading, or the handshake. If `has_slot` is false (there are too many connections), or if the peer
  // is over its share of connections, it rejects the client and closes instead.
  void Start(bool has_slot);

  // Continues the TLS handshake. Called by the loop after EventLoop::QueueHandshake.
  void ContinueHandshake();

  // Called by the loop every 250 ms. Handles timeouts and frees idle memory.
  void Tick(base::SteadyTime now);

  // Accepts no further request: requests that have arrived are answered, then the connection is closed.
  void CloseSoon();

  // Called by the AckQueue when the outcome of the request's wait is known; continues with the request. If it
  // returns true, the caller must call Read after it has notified all other connections that are due; by then
  // this client's next request may have arrived.
  bool OnAck();
  // Processes buffered requests as far as possible and writes the replies. Returns true if more bytes are
  // needed: the caller must then call Read, as for OnAck. Returns false if the connection is ending, or
  // continues by itself once the socket has accepted the replies, the ack has arrived or the hold-back is
  // over. The loop calls it when replies passed to EventLoop::WriteLater are due.
  bool Advance();
  // Starts an asynchronous read unless one is pending. Closes the socket if the client has closed its side,
  // and rejects the client if there is no memory for the read.
  void Read();

  // If a request still waits for its ack, answers it with an error, because the loop is about to stop.
  void EndWaitForStop() { EndWait(AckOutcome::kStopping); }

  // Releases the waiting request and the self-reference, without a reply. May destroy this connection.
  void DropWait();

  // Closes the socket without a reply. May destroy this connection.
  void Abort();

  // For the loop, which chooses the connections to drop.
  const ConnectionClient& Client() const { return client_; }
  bool IsOpen() const { return transport_.IsOpen(); }
  base::SteadyTime ActiveAt() const { return active_at_; }  // when it was accepted or last answered
  // The last reply rejected a request that the client had not sent completely.
  bool RefusedEarly() const { return refused_early_; }

 private:
  enum class State : uint8_t {
    kHandshake,  // waiting for the first byte of the client, or within the TLS handshake
    kHeader,     // waiting for a request, or within its header
    kBody,       // within the body of an admitted request
    kHeldBack,   // not read until deadline_, then kHeader
    kDiscard,    // skipping the body of a rejected request
    kAck,        // the request's events are accepted; waiting for pending_->outcome
    kLinger,     // the last reply is written; discards input so that the client can receive the reply
  };

  void AwaitHandshake();
  bool BeginHandshake();
  void FinishHandshake();
  void RefuseWithoutTls(bool is_http);
  void RefuseHandshake();
  void OnRead(size_t bytes);
  void OnReadFault(const boost::system::error_code& error);
  void Process();
  void RunSteps();
  bool Step();
  bool OnHeader();
  bool Identify(Request& request);
  bool OnBody();
  bool OnDiscard();
  void AwaitAck(std::unique_ptr<PendingAck> pending);
  void ChargePending();
  void ReturnPending();
  bool OnWait();
  void EndWait(AckOutcome outcome);
  void OpenRequest();
  bool ShouldClose(const Request& request) const;
  // Part of a request has arrived, and it has no reply yet.
  bool HasRequestToAnswer() const { return request_open_ && state_ != State::kDiscard; }
  // out_ is being written to the socket, or the loop will write it at the end of its turn.
  bool HasReplyToWrite() const { return writing_ || write_due_; }
  bool ChargeUnwritten();
  size_t BufferBytesMax() const;
  bool GrowChunkedBody(size_t bytes);
  void ReleaseIdleMemory();
  void RefuseMalformed();
  void RefuseOverConnections();
  void RefuseForLackOfMemory();
  void RefuseAndClose(const Problem& problem, std::string_view detail, std::chrono::seconds retry_after = {});
  base::SteadyTime Answer(const Request& request, const Reply& reply, bool close);
  void Finish(bool close, base::SteadyTime now);
  void NextRequest(base::SteadyTime now);
  void Resume();
  bool WriteOut();
  void ForgetWritten();
  void OnCancelled();
  void Linger();
  void Discard();
  void AwaitDiscard();
  void LingerTick(base::SteadyTime now);
  void ReleaseSlot();

  static constexpr auto kLastLingerTime = std::chrono::seconds(2);  // while the service stops

  EventLoop& loop_;
  ConnectionClient client_;
  Transport transport_;
  ReadBuffer buffer_;
  RequestParser parser_;
  State state_ = State::kHeader;
  std::string chunked_body_;
  size_t chunked_charged_ = 0;  // bytes charged to client_ for chunked_body_
  uint64_t discard_left_ = 0;
  std::unique_ptr<PendingAck> pending_;   // in the state kAck
  size_t pending_charged_ = 0;            // bytes charged to client_ for pending_
  std::shared_ptr<Connection> self_ref_;  // keeps this alive while held back or while a discard pauses
  std::string out_;                       // replies not yet written to the socket
  size_t out_charged_ = 0;                // bytes charged to client_ for out_
  base::SteadyTime deadline_;             // of the current state: read, wait, hold-back or linger
  base::SteadyTime write_deadline_;       // while writing_
  base::SteadyTime request_began_;
  base::SteadyTime active_at_;
  base::SteadyTime linger_end_;
  bool fresh_ = true;          // no request has begun yet
  bool request_open_ = false;  // the first byte of a request has arrived
  bool reading_ = false;
  bool client_closed_ = false;  // the client closed its side while a reply was still due
  bool writing_ = false;
  bool write_due_ = false;  // the loop will write out_ (EventLoop::WriteLater)
  bool close_after_write_ = false;
  bool close_soon_ = false;
  bool hold_back_ = false;  // the next request is preceded by kHeldBack
  bool holds_slot_ = false;
  bool refused_early_ = false;
};

}  // namespace ei::http
