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
#include "base/time.h"

namespace ei::http {

class EventLoop;

// One client connection on its event loop: read, parse, answer, in order; replies of pipelined requests are
// written together, and after those of other connections that were answered in the same turn of the loop. It
// lives while an operation on its socket is pending, its request waits for an ack or it is held back, and
// belongs to its loop's thread.
//
// While a request waits, those pipelined behind it wait too, and nothing is read: most waits are over before
// a read could bring anything. Into a long one Tick begins a read, so that the client's end is noticed; the
// buffer is left alone until that read is over.
//
// After a refusal because its client has more than its part, a connection is not read for a moment: else a
// client that doesn't heed refusals would cost as much as if they were none. A trusted proxy's is read on, as
// the next request may be another client's.
class Connection final
    : public std::enable_shared_from_this<Connection>,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Connection(EventLoop& loop, boost::asio::ip::tcp::socket socket, const boost::asio::ip::address& peer);
  ~Connection();

  // `has_place` false: there are too many connections already, and it is told so.
  void Start(bool has_place);

  // Called by the loop every now and then: acts on time-outs and gives idle memory back.
  void Tick(base::SteadyTime now);

  // No further request: what has arrived is answered, then the connection is closed.
  void CloseSoon();

  // Called by the AckQueue when the outcome of the request's wait is known. True: Read has to follow, once
  // all others that are due have been answered; by then this client's next request may have come.
  bool OnAck();
  // The same for the loop, when the replies that were to be written later are due.
  bool Advance();
  void Read();

  // Answers a request that still waits for its ack: the loop is about to stop.
  void CutWait() { EndWait(AckOutcome::kCutOff); }

  // Lets go of the request that waits or of what holds it back, and so perhaps of this.
  void DropWait();

  // Closes the socket; may be the end of this.
  void Abort();

  // For the loop, which chooses whom to drop.
  const ConnectionClient& Client() const { return client_; }
  bool IsOpen() const { return socket_.is_open(); }
  base::SteadyTime ActiveAt() const { return active_at_; }  // when it was accepted or last answered
  // The last reply came before the client had sent all of its request.
  bool RefusedEarly() const { return refused_early_; }

 private:
  enum class State : uint8_t {
    kHeader,    // waiting for a request, or within its header
    kBody,      // within the body of an admitted request
    kHeldBack,  // as kHeader, and not read yet
    kDiscard,   // passing over the body of a refused one
    kAck,       // the request's events are accepted; waiting for pending_->outcome
    kLinger,    // the last reply is written; discarding what comes, so that the client gets to see it
  };

  void OnRead(size_t bytes);
  void OnReadFault(const boost::system::error_code& error);
  void Process();
  void TakeSteps();
  bool Step();
  bool OnHeader();
  bool OnBody();
  bool OnDiscard();
  void AwaitAck(std::unique_ptr<PendingAck> pending);
  void ChargePending();
  void ReturnPending();
  bool OnWait();
  void EndWait(AckOutcome outcome);
  void OpenRequest();
  bool ShouldClose(const Request& request) const;
  // Some of a request is here that has no reply yet.
  bool HasRequestToAnswer() const { return request_open_ && state_ != State::kDiscard; }
  // The socket will take what is in out_, or the loop will write it at the end of its turn.
  bool HasReplyToWrite() const { return writing_ || write_due_; }
  bool ChargeUnwritten();
  size_t WantedBytes() const;
  bool GrowChunkedBody(size_t bytes);
  void GiveBackIdleMemory();
  void RefuseMalformed();
  void RefuseForWantOfMemory();
  void RefuseAndClose(const Problem& problem, std::string_view detail, std::chrono::seconds retry_after = {});
  base::SteadyTime Answer(const Request& request, const Reply& reply, bool close);
  void Finish(bool close, base::SteadyTime now);
  void NextRequest(base::SteadyTime now);
  void GoOn();
  bool WriteOut();
  void ForgetWritten();
  void OnCancelled();
  void Linger();
  void Discard();
  void AwaitDiscard();
  void LingerTick(base::SteadyTime now);
  void LeavePlace();

  static constexpr auto kLastLingerTime = std::chrono::seconds(2);  // while the service stops

  EventLoop& loop_;
  boost::asio::ip::tcp::socket socket_;
  ConnectionClient client_;
  ReadBuffer buffer_;
  RequestParser parser_;
  State state_ = State::kHeader;
  std::string chunked_body_;
  size_t chunked_taken_ = 0;  // of client_'s bytes, for chunked_body_
  uint64_t discard_left_ = 0;
  std::unique_ptr<PendingAck> pending_;  // in the state kAck
  size_t pending_taken_ = 0;             // of client_'s bytes, for it
  std::shared_ptr<Connection> held_;     // this, in the state kHeldBack, and while a discard pauses
  std::string out_;                      // replies not yet taken by the socket
  size_t out_taken_ = 0;                 // bytes that are counted for them
  base::SteadyTime deadline_;            // of what is being read or waited for
  base::SteadyTime write_deadline_;      // while writing_
  base::SteadyTime request_began_;
  base::SteadyTime active_at_;
  base::SteadyTime linger_end_;
  bool fresh_ = true;          // no request has come yet
  bool request_open_ = false;  // its first byte has come
  bool reading_ = false;
  bool ended_ = false;  // the client has closed its side; noticed while it still had a reply to get
  bool writing_ = false;
  bool write_due_ = false;  // by the loop
  bool close_after_write_ = false;
  bool close_soon_ = false;
  bool hold_back_ = false;  // before the next request
  bool holds_place_ = false;
  bool refused_early_ = false;
};

}  // namespace ei::http
