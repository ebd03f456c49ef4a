#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include "adapters/http/ack_queue.h"
#include "adapters/http/client_address.h"
#include "adapters/http/connection.h"
#include "adapters/http/connection_count.h"
#include "adapters/http/events_endpoint.h"
#include "adapters/http/handshake_queue.h"
#include "adapters/http/http_options.h"
#include "adapters/http/inflight_bytes.h"
#include "adapters/http/operations_endpoint.h"
#include "adapters/http/proxied_socket.h"
#include "adapters/http/tls_credentials.h"
#include "base/clock.h"
#include "base/log.h"
#include "clients/authenticator.h"
#include "clients/client_shares.h"

namespace ei::http {

// What all loops of a server share; thread-safe.
struct SharedState {
  SharedState(const HttpOptions& o, TrustedProxies p, ClientShares* s)
      : options(o), proxies(std::move(p)), shares(s), inflight(o.inflight_bytes_max) {}

  const HttpOptions options;
  const TrustedProxies proxies;  // options.trusted_proxies
  ClientShares* const shares;    // null: clients aren't distinguished
  InflightBytes inflight;
  std::atomic<bool> announce_close{false};  // the service stops: replies have Connection: close
};

// The configuration and the connection count of one listening port, shared by all loops that serve it.
struct Listener {
  bool events = true;
  bool operations = true;
  bool closed = false;  // the operational routes except for probes are for authenticated clients only
  size_t connections_max = 0;
  // When the listener is at connections_max, or the peer of a new connection is at its share of it, the
  // connection that has been without a request for longest (of that peer, if the peer is at its share) is
  // closed for the new one. For a listener whose clients send short, frequent requests.
  bool drops_silent = false;
  base::Duration silence_timeout = base::Duration::max();  // for the first byte, and for each header
  size_t lingering_max = 0;                                // lingering connections of one loop
  bool proxy_protocol = false;                             // each connection begins with its header
  const TlsCredentials* tls = nullptr;                     // null: plain HTTP
  ClientAuth client_auth = ClientAuth::kOff;
  ConnectionCount connections;
};

// One thread with its own listening socket and connections. Context, Listen, Start and Join are for the
// owner. The Post* functions and Waiting are for any thread. Everything else is for the loop's thread.
class EventLoop {
 public:
  EventLoop(SharedState& shared, Listener& listener, std::unique_ptr<EventsEndpoint> events,
            const OperationsEndpoint& operations, std::unique_ptr<Authenticator> authenticator,
            ei::Journal& journal, const ei::Clock& clock, Telemetry& telemetry, Log& log, uint64_t seed);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Takes ownership of a listening socket. No connection is accepted before Start.
  void Listen(boost::asio::ip::tcp::acceptor acceptor) { acceptor_ = std::move(acceptor); }
  void Start();
  boost::asio::io_context& Context() { return context_; }

  // Any thread; doesn't block. Accepts the connections that are still in the backlog, stops listening, and
  // closes connections as they become idle. Calls `done` on the loop's thread when no connection will be
  // added any more.
  void PostStopAccepting(std::function<void()> done);
  // Any thread; doesn't block. Writes the replies that are due, answers the requests that wait with an error,
  // and ends the loop's thread.
  void PostStop();
  // Blocks until the loop's thread has ended.
  void Join();

  // The number of requests that wait for their ack. Any thread.
  size_t Waiting() const { return acks_.Waiting(); }

  // For connections, on the loop's thread.
  SharedState& Shared() { return shared_; }
  ConnectionCount& Connections() { return listener_.connections; }
  const ei::Clock& Clock() const { return clock_; }
  // Null on a listener that doesn't serve events.
  ClientShares* Shares() { return listener_.events ? shared_.shares : nullptr; }
  // Counts and logs that a client was rejected because it is over its share of `what` (Reply::over_share).
  void ReportOverShare(std::string_view what, const ConnectionClient& client);
  // Counts and logs that a request has no valid credentials.
  void ReportUnauthenticated(AuthFault fault, const ConnectionClient& client);
  // Null: requests aren't authenticated.
  Authenticator* Authentication() { return authenticator_.get(); }
  // Whether a request for this route has a client: events always, the others only if they are authenticated.
  // Probes never are.
  bool NeedsClient(Route route) const;
  base::WallTime WallNow() const { return wall_now_; }  // at the last tick
  AckQueue& Acks() { return acks_; }
  base::Duration SilenceTimeout() const {
    return std::min<base::Duration>(listener_.silence_timeout, shared_.options.idle_timeout);
  }
  base::Duration HeaderTimeout() const {
    return std::min({listener_.silence_timeout, shared_.options.request_timeout, kHeaderTimeMax});
  }
  bool UsesTls() const { return listener_.tls != nullptr; }
  // The current context; requires UsesTls().
  std::shared_ptr<const TlsContext> Tls();
  ClientAuth ClientAuthentication() const { return listener_.client_auth; }
  // Calls Connection::ContinueHandshake when the connection has its turn. Few of these calls are made in a
  // turn of the loop, because one may take as long as the requests of many connections.
  void QueueHandshake(std::shared_ptr<Connection> connection);
  void ReportHandshake(bool resumed, base::Duration took) { telemetry_.TlsHandshake(resumed, took); }
  void ReportHandshakeFailed(std::string_view reason, const ConnectionClient& client);
  // A connection whose header of the PROXY protocol names this client.
  void OnProxied(boost::asio::ip::tcp::socket socket, const boost::asio::ip::address& client);
  void ReportRefusedProxy(const boost::asio::ip::address& peer, std::string_view why);
  // Moves the connection to the lingering ones. Their number is bounded by lingering_max, and each client has
  // a share of it, except a trusted proxy; at the limit the oldest one (of the client, at its share) is
  // dropped. Returns the number of bytes that the connection may discard until the next tick.
  uint64_t EnterLinger(Connection& connection);
  // The number of bytes that each lingering connection may discard until the next tick: an equal part of one
  // allowance.
  uint64_t DiscardAllowance() const { return discard_allowance_; }
  std::span<char> DiscardBuffer() { return discard_buffer_; }
  Reply& ScratchReply();
  // Checks the request's header. If it returns false, `reply` is the rejection.
  bool Admit(const Request& request, base::SteadyTime began, Reply& reply);
  // Handles a complete request. Returns null if `reply` is the reply. Otherwise the request has to wait for
  // its ack; when the outcome is known, Finish writes the reply.
  std::unique_ptr<PendingAck> Handle(const Request& request, Reply& reply);
  void Finish(const Request& request, PendingAck& pending, Reply& reply);
  // Appends the reply in wire format to `out` and records metrics. Returns the current time.
  base::SteadyTime Answer(std::string& out, const Request& request, const Reply& reply, bool close,
                          base::SteadyTime began);

  // From a request's first byte to the end of its header: a slow header is the cheapest way to hold a
  // connection, and an honest one is short.
  static constexpr base::Duration kHeaderTimeMax = std::chrono::seconds(10);
  // Replies that were produced within this time are written one after the other, so that a client is woken
  // once for many of them.
  static constexpr base::Duration kGatherTime = std::chrono::microseconds(200);
  // Registers a connection whose reply of `answered_at` is to be written. Before the loop waits for I/O
  // again, or once kGatherTime has passed since the first registered reply, it calls Connection::Advance for
  // all of these connections, and then Read for those where Advance returned true.
  void WriteLater(std::shared_ptr<Connection> connection, base::SteadyTime answered_at);

  // Closes a connection whose client doesn't read its replies when the memory for them is exhausted.
  void DropUnread(Connection& connection);

 private:
  void Accept();
  void WriteReplies();
  void PostHandshakes();
  void OnAccept(boost::asio::ip::tcp::socket socket);
  void Open(boost::asio::ip::tcp::socket socket, const boost::asio::ip::address& peer);
  void Tick();
  void Drop(Connection& connection, std::string_view why, std::string_view message);
  void MakeRoomFor(const boost::asio::ip::address& peer);

  SharedState& shared_;
  Listener& listener_;
  const std::unique_ptr<EventsEndpoint> events_;
  const OperationsEndpoint& operations_;
  const std::unique_ptr<Authenticator> authenticator_;
  const ei::Clock& clock_;
  Telemetry& telemetry_;
  Log& log_;
  // Declared before the context, because the context's destructor destroys the connections that are left.
  AckQueue acks_;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> connections_;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> lingering_;  // oldest first
  boost::intrusive::list<ProxiedSocket, boost::intrusive::constant_time_size<false>> proxied_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer tick_;
  std::vector<std::shared_ptr<Connection>> answered_;  // registered by WriteLater
  std::vector<std::shared_ptr<Connection>> written_;   // scratch
  base::SteadyTime gathering_since_;
  HandshakeQueue<Connection> handshakes_;
  bool handshakes_posted_ = false;
  std::shared_ptr<const TlsContext> tls_context_;
  uint64_t tls_version_ = 0;  // of tls_context_
  Reply reply_;
  uint64_t discard_allowance_ = 0;
  std::array<char, 64 << 10> discard_buffer_;
  base::WallTime wall_now_;  // of the last tick
  std::string date_;
  bool accepting_ = false;
  bool stopping_ = false;
  UuidV7Generator request_ids_;  // for requests without a usable X-Request-ID
  std::thread thread_;
};

}  // namespace ei::http
