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
#include "adapters/http/connection.h"
#include "adapters/http/connection_count.h"
#include "adapters/http/events_endpoint.h"
#include "adapters/http/http_options.h"
#include "adapters/http/inflight_bytes.h"
#include "adapters/http/operations_endpoint.h"
#include "base/clock.h"
#include "base/log.h"
#include "clients/client_shares.h"

namespace ei::http {

// What all loops of a server share; thread-safe.
struct SharedState {
  SharedState(const HttpOptions& o, ClientShares* s)
      : options(o), shares(s), inflight(o.inflight_bytes_max) {}

  const HttpOptions options;
  ClientShares* const shares;  // null: clients are not told apart
  InflightBytes inflight;
  std::atomic<bool> announce_close{false};  // stopping: tell clients to go elsewhere
};

// What one listening port serves, on however many loops.
struct Listener {
  bool events = true;
  bool operations = true;
  size_t connections_max = 0;
  // At its limit, and a client at its share of it, the connection that has asked for nothing for longest
  // makes room for a new one. For a listener whose clients ask often and shortly.
  bool drops_silent = false;
  base::Duration silence_timeout = base::Duration::max();  // until the first byte, and the end of a header
  size_t lingering_max = 0;                                // of one loop
  ConnectionCount connections;
};

// One thread with its own listening socket and connections. Everything but Listen, Start, the Post* functions
// and Join belongs to that thread.
class EventLoop {
 public:
  EventLoop(SharedState& shared, Listener& listener, std::unique_ptr<EventsEndpoint> events,
            const OperationsEndpoint& operations, ei::Journal& journal, const ei::Clock& clock,
            Telemetry& telemetry, Log& log, uint64_t seed);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Takes over a listening socket; nothing is accepted from it before Start.
  void Listen(boost::asio::ip::tcp::acceptor acceptor) { acceptor_ = std::move(acceptor); }
  // Starts the thread.
  void Start();
  boost::asio::io_context& Context() { return context_; }

  // From any thread: takes what still waits in the backlog, stops listening, closes connections as they
  // become idle; calls `done` on the loop's thread when no connection will be added any more.
  void PostStopAccepting(std::function<void()> done);
  // From any thread: closes everything and ends the thread.
  void PostStop();
  void Join();

  // Requests that wait for their ack. Any thread.
  size_t Waiting() const { return acks_.Waiting(); }

  // For connections, on the loop's thread.
  SharedState& Shared() { return shared_; }
  ConnectionCount& Connections() { return listener_.connections; }
  const ei::Clock& Clock() const { return clock_; }
  // Null on a listener without clients.
  ClientShares* Shares() { return listener_.events ? shared_.shares : nullptr; }
  // A client was refused more than its part of `what` (Reply::over_share).
  void ReportOverShare(std::string_view what, const ConnectionClient& client);
  AckQueue& Acks() { return acks_; }
  base::Duration SilenceTimeout() const {
    return std::min<base::Duration>(listener_.silence_timeout, shared_.options.idle_timeout);
  }
  base::Duration HeaderTimeout() const {
    return std::min<base::Duration>(listener_.silence_timeout, shared_.options.header_timeout);
  }
  // The connection only lingers from now on. There is a bounded number of such, and one client has its share
  // of it: the oldest is dropped for the newest. Returns how much it may discard until the next tick.
  uint64_t EnterLinger(Connection& connection);
  // The same for each tick: all that linger share one allowance.
  uint64_t DiscardAllowance() const { return discard_allowance_; }
  std::span<char> DiscardBuffer() { return discard_buffer_; }
  Reply& ScratchReply();
  // False: `reply` refuses the request on the strength of its header.
  bool Admit(const Request& request, base::SteadyTime began, Reply& reply);
  // Not null: the request has to wait for its ack; then Finish gives the reply.
  std::unique_ptr<PendingAck> Handle(const Request& request, Reply& reply);
  void Finish(const Request& request, PendingAck& pending, Reply& reply);
  // Puts the reply on the wire and tells telemetry; returns the time.
  base::SteadyTime Answer(std::string& out, const Request& request, const Reply& reply, bool close,
                          base::SteadyTime began);

  // Replies that were put together within so short a time are written one after the other, so that clients
  // are woken once for many.
  static constexpr base::Duration kGatherTime = std::chrono::microseconds(200);
  // Connection::Advance is called, and Read if it says so, before the loop waits for anything: then all of
  // that time, at the latest.
  void WriteLater(std::shared_ptr<Connection> connection, base::SteadyTime answered_at);

  // Closes a connection whose client doesn't take its replies while the memory for them is short.
  void DropUnread(Connection& connection);

 private:
  void Accept();
  void WriteReplies();
  void OnAccept(boost::asio::ip::tcp::socket socket);
  void Tick();
  void Drop(Connection& connection, std::string_view why, std::string_view message);
  void MakeRoomFor(const boost::asio::ip::address& peer);

  SharedState& shared_;
  Listener& listener_;
  const std::unique_ptr<EventsEndpoint> events_;
  const OperationsEndpoint& operations_;
  const ei::Clock& clock_;
  Telemetry& telemetry_;
  Log& log_;
  // Before the context, whose end destroys the connections that are left.
  AckQueue acks_;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> connections_;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> lingering_;  // oldest first
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer tick_;
  std::vector<std::shared_ptr<Connection>> answered_;  // their replies are to be written
  std::vector<std::shared_ptr<Connection>> written_;   // scratch
  base::SteadyTime gathering_since_;
  Reply reply_;
  uint64_t discard_allowance_ = 0;
  std::array<char, 64 << 10> discard_buffer_;
  base::WallTime wall_now_;  // of the last tick
  std::string date_;
  bool accepting_ = false;
  bool stopping_ = false;
  UuidV7Generator request_ids_;  // for clients that sent none
  std::thread thread_;
};

}  // namespace ei::http
