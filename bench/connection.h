#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/event_template.h"
#include "bench/reply_parser.h"

namespace ei::bench {

using Clock = std::chrono::steady_clock;

// A request in flight: the counter of its first id, the time at which it was sent (or, at a fixed rate, was
// due), and whether its events have ids that the server sees.
struct InFlight {
  std::uint64_t first_counter = 0;
  Clock::time_point started;
  bool named = true;
};

class ReplyListener {
 public:
  virtual ~ReplyListener() = default;
  // `body` is complete for status 207 and empty for all others; valid during the call only.
  virtual void OnReply(const ReplyHead& head, std::string_view body, const InFlight& request) = 0;
};

// How connections use TLS. Shared by all of them.
class TlsClient {
 public:
  // Accepts any certificate: the load goes to this machine. `resumes`: each connection but the first resumes
  // the session of the one before.
  explicit TlsClient(bool resumes);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  SSL* Begin(int socket) const;

 private:
  static int OnSession(SSL* ssl, SSL_SESSION* session);

  SSL_CTX* const context_;
  const bool resumes_;
  SSL_SESSION* session_ = nullptr;
};

// What connections of one run have in common.
struct ConnectionKind {
  std::uint32_t pipeline = 1;      // requests in flight
  std::uint32_t close_after = 0;   // requests, then the connection is closed; 0: it is kept
  const TlsClient* tls = nullptr;  // null: plain HTTP
};

// One keep-alive connection with up to `pipeline` requests in flight. The requests are stored in one buffer
// that is used as a ring; sending one numbers its events in place. Sockets are non-blocking, for
// edge-triggered epoll: every call continues until the socket would block. Used by one thread.
class Connection {
 public:
  // The state after a call on the socket.
  enum class State { kClosed, kConnecting, kOpen };

  // `request` and `kind.tls` must outlive the connection. All events belong to `user`.
  Connection(const EventTemplate& request, const ConnectionKind& kind, std::uint32_t user);
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Closed -> connecting, open or, if rejected at once, closed.
  State Connect(const sockaddr_in& address, const sockaddr_in& source);
  // Call when epoll reports the connecting socket, or as long as the TLS handshake goes on. Connecting ->
  // connecting, open or closed.
  State FinishConnect();
  void Close();

  State CurrentState() const { return state_; }
  int Socket() const { return socket_; }
  std::uint32_t RequestsInFlight() const { return in_flight_; }
  bool HasRoom() const { return state_ == State::kOpen && in_flight_ < slots_.size(); }

  // Appends the next request after those in flight. Requires HasRoom(). Flush() sends it.
  void Queue(const InFlight& request);
  // Sends the last answered request again, with the same ids; requires a pipeline of 1.
  void QueueAgain(Clock::time_point started);
  State Flush();

  // Reads all available data through `scratch` (shared by all connections) and reports each complete reply.
  // Closes at the end of the stream, on an error, after a reply that announces the close, or if a reply can't
  // be parsed (then ReplyError() has the reason).
  State Receive(std::span<char> scratch, ReplyListener& listener);
  const std::string& ReplyError() const { return reply_error_; }
  // The server announced the close, or closed with nothing in flight: not an error.
  bool ClosedInOrder() const { return closed_in_order_; }

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const;
  };
  // As send() and recv(), with or without TLS.
  ssize_t Send(std::span<const char> bytes);
  ssize_t Recv(std::span<char> bytes);
  ssize_t TlsResult(int outcome, std::size_t bytes);
  void Append(const InFlight& request);
  State Parse(std::string_view data, ReplyListener& listener);
  void Finish(std::string_view body, ReplyListener& listener);
  State Fault(std::string why);

  const EventTemplate& request_;
  const ConnectionKind kind_;
  std::vector<char> requests_;  // one copy of the template per slot
  std::vector<InFlight> slots_;
  std::uint32_t oldest_ = 0;  // slot of the request whose reply is expected next
  std::uint32_t in_flight_ = 0;
  // Byte counts since the connection opened; the difference is not sent yet, as the socket was full.
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;

  int socket_ = -1;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::uint32_t answered_ = 0;  // on this connection
  State state_ = State::kClosed;
  std::string partial_;  // the beginning of a reply, bounded by the parser and kBatchReplyBytesMax
  ReplyHead head_;       // head of the reply whose body is being skipped
  std::size_t body_left_ = 0;
  bool closed_in_order_ = false;
  std::string reply_error_;
};

}  // namespace ei::bench
