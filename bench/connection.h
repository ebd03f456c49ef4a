#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/event_template.h"
#include "bench/reply_parser.h"

namespace ei::bench {

using Clock = std::chrono::steady_clock;

// A request in flight: the counter of its first id, when it was sent (or, at a fixed rate, was due), and
// whether its events have ids that the server sees.
struct InFlight {
  std::uint64_t first_counter = 0;
  Clock::time_point started;
  bool named = true;
};

class ReplyListener {
 public:
  virtual ~ReplyListener() = default;
  // `body` is complete for status 207 and empty for every other; valid during the call only.
  virtual void OnReply(const ReplyHead& head, std::string_view body, const InFlight& request) = 0;
};

// One keep-alive connection with up to `pipeline` requests in flight. The requests stand side by side in one
// buffer, used as a ring; sending one means to number its events in place. Sockets are non-blocking and meant
// for edge-triggered epoll: every call goes on until the socket has no more to give or take. One thread.
class Connection {
 public:
  // What is true after a call on the socket.
  enum class State { kClosed, kConnecting, kOpen };

  // `request` must outlive the connection. All events are those of `user`.
  Connection(const EventTemplate& request, std::uint32_t pipeline, std::uint32_t user);
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Closed -> connecting, open or (refused at once) closed.
  State Connect(const sockaddr_in& address, const sockaddr_in& source);
  // To be called when epoll reports the connecting socket. Connecting -> open or closed.
  State FinishConnect();
  void Close();

  State CurrentState() const { return state_; }
  int Socket() const { return socket_; }
  std::uint32_t RequestsInFlight() const { return in_flight_; }
  bool HasRoom() const { return state_ == State::kOpen && in_flight_ < slots_.size(); }

  // Puts the next request behind those in flight. Requires HasRoom(); Flush() sends it.
  void Queue(const InFlight& request);
  // The same for the request that was answered last, with its ids; only with a pipeline of 1.
  void QueueAgain(Clock::time_point started);
  State Flush();

  // Reads all there is, through `scratch` (shared by all connections), and reports each complete reply.
  // Closes at the end of the stream, on an error, after a reply that announces the close, or when a reply
  // can't be read (then ReplyError() tells why).
  State Receive(std::span<char> scratch, ReplyListener& listener);
  const std::string& ReplyError() const { return reply_error_; }
  // The server announced the end, or closed with nothing in flight: no fault.
  bool ClosedInOrder() const { return closed_in_order_; }

 private:
  void Append(const InFlight& request);
  State Parse(std::string_view data, ReplyListener& listener);
  void Finish(std::string_view body, ReplyListener& listener);
  State Fault(std::string why);

  const EventTemplate& request_;
  std::vector<char> requests_;  // one copy of the template for each slot
  std::vector<InFlight> slots_;
  std::uint32_t oldest_ = 0;  // slot of the request whose reply comes next
  std::uint32_t in_flight_ = 0;
  // Bytes since the connection opened; their difference waits for room in the socket.
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;

  int socket_ = -1;
  State state_ = State::kClosed;
  std::string partial_;  // a reply's beginning, bounded by the parser and kBatchReplyBytesMax
  ReplyHead head_;       // of the reply whose body is being skipped
  std::size_t body_left_ = 0;
  bool closed_in_order_ = false;
  std::string reply_error_;
};

}  // namespace ei::bench
