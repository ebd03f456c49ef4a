#include "adapters/http/event_loop.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "base/thread_name.h"

namespace ei::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kTick = std::chrono::milliseconds(250);

constexpr uint64_t kDiscardBytes = 8 << 20;  // discarded by all lingering connections in one tick

// Handshakes get a quarter of the time that a turn of the loop took for all else, and one step at least.
constexpr int kHandshakesPart = 4;

// One client's share of the lingering connections, and of the connections of a listener with drops_silent.
constexpr size_t LingerShare(size_t all) { return std::max<size_t>(4, all / 8); }
constexpr size_t ConnectionShare(size_t all) { return all - all / 8; }

}  // namespace

EventLoop::EventLoop(SharedState& shared, Listener& listener, std::unique_ptr<EventsEndpoint> events,
                     const OperationsEndpoint& operations, std::unique_ptr<Authenticator> authenticator,
                     ei::Journal& journal, const ei::Clock& clock, Telemetry& telemetry, Log& log,
                     uint64_t seed)
    : shared_(shared),
      listener_(listener),
      events_(std::move(events)),
      operations_(operations),
      authenticator_(std::move(authenticator)),
      clock_(clock),
      telemetry_(telemetry),
      log_(log),
      acks_(journal, context_),
      context_(1),
      acceptor_(context_),
      tick_(context_),
      request_ids_(seed) {}

EventLoop::~EventLoop() {
  PostStop();
  Join();
  acks_.Close();
  // A request that waits and its connection own each other; release them.
  for (auto it = connections_.begin(); it != connections_.end();) (it++)->DropWait();
  for (auto it = lingering_.begin(); it != lingering_.end();) (it++)->DropWait();
}

void EventLoop::Start() {
  Tick();
  thread_ = std::thread([this] {
    base::NameThisThread("http");
    context_.run();
  });
}

void EventLoop::Accept() {
  accepting_ = true;
  acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {
      accepting_ = false;  // out of file descriptors or memory: the next tick retries
      log_.Write(LogLevel::kError, "http", "could not accept a connection", {{"error", error.message()}});
      return;
    }
    OnAccept(std::move(socket));
    if (!stopping_) Accept();
  });
}

void EventLoop::OnAccept(tcp::socket socket) {
  boost::system::error_code error;
  socket.non_blocking(true, error);
  if (!error) socket.set_option(tcp::no_delay(true), error);
  const tcp::endpoint peer = error ? tcp::endpoint() : socket.remote_endpoint(error);
  if (error) return;
  if (!listener_.proxy_protocol || listener_.connections.HeldSlots() >= listener_.connections_max) {
    return Open(std::move(socket), peer.address());
  }
  const auto proxied = std::make_shared<ProxiedSocket>(*this, std::move(socket), peer.address());
  proxied_.push_back(*proxied);
  proxied->Start();
  if (stopping_) proxied->CloseSoon();
}

void EventLoop::OnProxied(tcp::socket socket, const asio::ip::address& client) {
  Open(std::move(socket), client);
}

void EventLoop::ReportRefusedProxy(const asio::ip::address& peer, std::string_view why) {
  telemetry_.ConnectionDropped("proxy_header");
  const std::string name = peer.to_string();
  log_.Write(LogLevel::kWarn, "http", "refused a connection that http.proxy_protocol does not allow",
             {{"peer", std::string_view(name)}, {"reason", why}});
}

void EventLoop::Open(tcp::socket socket, const asio::ip::address& peer) {
  if (listener_.drops_silent) MakeRoomFor(peer);
  const bool has_slot = listener_.connections.HeldSlots() < listener_.connections_max;
  const auto connection = std::make_shared<Connection>(*this, std::move(socket), peer);
  connections_.push_back(*connection);
  connection->Start(has_slot);
  if (stopping_) connection->CloseSoon();
}

// Makes room for a connection of this peer: drops the peer's least recently active connection if the peer is
// at its share, else the least recently active of all if the listener is at its limit.
void EventLoop::MakeRoomFor(const asio::ip::address& peer) {
  const std::string identity = IdentityOf(peer);
  size_t all = 0;
  size_t own = 0;
  Connection* oldest = nullptr;
  Connection* oldest_own = nullptr;
  const auto older = [](const Connection& one, const Connection* other) {
    return other == nullptr || one.ActiveAt() < other->ActiveAt();
  };
  for (Connection& one : connections_) {
    if (!one.IsOpen()) continue;
    ++all;
    if (older(one, oldest)) oldest = &one;
    if (one.Client().PeerIdentity() != identity) continue;
    ++own;
    if (older(one, oldest_own)) oldest_own = &one;
  }
  Connection* const victim = own >= ConnectionShare(listener_.connections_max) ? oldest_own
                             : all >= listener_.connections_max                ? oldest
                                                                               : nullptr;
  if (victim != nullptr) {
    Drop(*victim, "silent", "too many connections: closed the one that was without a request for longest");
  }
}

uint64_t EventLoop::EnterLinger(Connection& connection) {
  const std::string identity = connection.Client().PeerIdentity();
  size_t all = 0;
  size_t own = 0;
  Connection* oldest = nullptr;
  Connection* oldest_own = nullptr;
  for (Connection& one : lingering_) {
    if (!one.IsOpen()) continue;
    if (all++ == 0) oldest = &one;
    if (one.Client().PeerIdentity() == identity && own++ == 0) oldest_own = &one;
  }
  const bool over_share = own >= LingerShare(listener_.lingering_max) && !connection.Client().IsProxy();
  Connection* const victim = over_share ? oldest_own : all >= listener_.lingering_max ? oldest : nullptr;
  if (victim != nullptr && victim->RefusedEarly()) {
    Drop(*victim, "refused",
         "closed a rejected connection before its client was known to have read the reply");
  } else if (victim != nullptr) {
    victim->Abort();
  }
  connection.unlink();
  lingering_.push_back(connection);
  return kDiscardBytes / (all + 1);
}

// The posted task runs after the handlers of all events that the last poll of the sockets returned.
void EventLoop::WriteLater(std::shared_ptr<Connection> connection, base::SteadyTime answered_at) {
  if (answered_.empty()) {
    gathering_since_ = answered_at;
    asio::post(context_, [this] { WriteReplies(); });
  }
  answered_.push_back(std::move(connection));
  if (answered_at - gathering_since_ >= kGatherTime) WriteReplies();
}

void EventLoop::WriteReplies() {
  written_.swap(answered_);
  for (auto& connection : written_) {
    if (!connection->IsOpen() || !connection->Advance()) connection.reset();
  }
  for (const auto& connection : written_) {
    if (connection != nullptr) connection->Read();
  }
  written_.clear();
}

std::shared_ptr<const TlsContext> EventLoop::Tls() {
  const base::Current<TlsContext>& current = listener_.tls->Current();
  if (const uint64_t version = current.Version(); version != tls_version_) {
    tls_context_ = current.Get();
    tls_version_ = version;
  }
  return tls_context_;
}

void EventLoop::QueueHandshake(std::shared_ptr<Connection> connection) {
  const std::string peer = connection->Client().PeerIdentity();
  handshakes_.Add(peer, std::move(connection));
  PostHandshakes();
}

// Between two of these tasks the loop polls the sockets and runs the handlers of all that are ready. That is
// a turn; however long it takes, handshakes get a part of its time, so that they are not starved by requests.
void EventLoop::PostHandshakes() {
  if (handshakes_.Size() == 0 || std::exchange(handshakes_posted_, true)) return;
  asio::post(context_, [this, posted_at = clock_.Now()] {
    handshakes_posted_ = false;
    const base::SteadyTime began = clock_.Now();
    const base::SteadyTime end = began + (began - posted_at) / kHandshakesPart;
    do {
      handshakes_.TakeNext()->ContinueHandshake();
    } while (handshakes_.Size() > 0 && clock_.Now() < end);
    PostHandshakes();
  });
}

void EventLoop::ReportHandshakeFailed(std::string_view reason, const ConnectionClient& client) {
  telemetry_.TlsHandshakeFailed(reason);
  const std::string name = client.Name();
  log_.Write(LogLevel::kWarn, "http", "a TLS handshake failed",
             {{"client", std::string_view(name)}, {"reason", reason}});
}

void EventLoop::DropUnread(Connection& connection) {
  Drop(connection, "unread",
       "closed a connection whose client did not read its reply, because the memory for requests is short");
}

void EventLoop::Drop(Connection& connection, std::string_view why, std::string_view message) {
  telemetry_.ConnectionDropped(why);
  const std::string name = connection.Client().Name();
  log_.Write(LogLevel::kWarn, "http", message, {{"client", std::string_view(name)}});
  connection.Abort();
}

void EventLoop::Tick() {
  wall_now_ = clock_.WallNow();
  date_ = FormatHttpDate(std::chrono::time_point_cast<std::chrono::system_clock::duration>(wall_now_));
  const base::SteadyTime now = clock_.Now();
  for (auto it = connections_.begin(); it != connections_.end();) (it++)->Tick(now);
  for (auto it = proxied_.begin(); it != proxied_.end();) (it++)->Tick(now);
  discard_allowance_ = kDiscardBytes / std::max<size_t>(1, lingering_.size());
  for (auto it = lingering_.begin(); it != lingering_.end();) (it++)->Tick(now);
  if (!accepting_ && !stopping_) Accept();
  tick_.expires_after(kTick);
  tick_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Tick();
  });
}

void EventLoop::PostStopAccepting(std::function<void()> done) {
  asio::post(context_, [this, done = std::move(done)] {
    stopping_ = true;
    // Closing the listener would reset the connections that the kernel has already completed, so accept them.
    boost::system::error_code error;
    acceptor_.cancel(error);
    acceptor_.non_blocking(true, error);
    while (!error) {
      tcp::socket socket(context_);
      acceptor_.accept(socket, error);
      if (!error) OnAccept(std::move(socket));
    }
    acceptor_.close(error);
    for (auto it = proxied_.begin(); it != proxied_.end();) (it++)->CloseSoon();
    for (auto it = connections_.begin(); it != connections_.end();) (it++)->CloseSoon();
    for (auto it = lingering_.begin(); it != lingering_.end();) (it++)->CloseSoon();
    asio::post(context_, done);  // runs after the handler of an accept that was already complete
  });
}

void EventLoop::PostStop() {
  asio::post(context_, [this] {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    tick_.cancel();
    WriteReplies();
    for (auto it = connections_.begin(); it != connections_.end();) (it++)->EndWaitForStop();
    context_.stop();
  });
}

void EventLoop::Join() {
  if (thread_.joinable()) thread_.join();
}

void EventLoop::ReportOverShare(std::string_view what, const ConnectionClient& client) {
  telemetry_.ClientOverShare(what);
  const std::string name = client.Name();
  log_.Write(LogLevel::kWarn, "http", "a client is over its share of a resource",
             {{"client", std::string_view(name)}, {"resource", what}});
}

Reply& EventLoop::ScratchReply() {
  reply_.Clear();
  return reply_;
}

bool EventLoop::Admit(const Request& request, base::SteadyTime began, Reply& reply) {
  if (request.route == Route::kUnknown ||
      !(request.route == Route::kEvents ? listener_.events : listener_.operations)) {
    reply.Refuse(problems::kNotFound, "see /events, /livez, /readyz and /metrics");
    return false;
  }
  if (request.auth_fault != AuthFault::kNone) {
    reply.AddHeader("WWW-Authenticate", authenticator_->Challenge());
    reply.Refuse(problems::kUnauthenticated, RowOf(request.auth_fault).message);
    return false;
  }
  if (request.route == Route::kEvents) return events_->Admit(request, began, reply);
  if (request.sender.client != nullptr && !request.sender.client->rights.admin) {
    reply.Refuse(problems::kAdminNotAllowed, "the client needs the right admin in auth.clients_file");
    return false;
  }
  return true;
}

bool EventLoop::NeedsClient(Route route) const {
  return route == Route::kEvents || (route == Route::kMetrics && listener_.closed);
}

void EventLoop::ReportUnauthenticated(AuthFault fault, const ConnectionClient& client) {
  const std::string_view reason = RowOf(fault).name;
  telemetry_.AuthenticationFailed(reason);
  const std::string name = client.Name();
  log_.Write(LogLevel::kWarn, "http", "a request has no valid credentials",
             {{"client", std::string_view(name)}, {"reason", reason}});
}

std::unique_ptr<PendingAck> EventLoop::Handle(const Request& request, Reply& reply) {
  if (request.route == Route::kEvents) return events_->Handle(request, acks_, reply);
  operations_.Handle(request, reply);
  return nullptr;
}

void EventLoop::Finish(const Request& request, PendingAck& pending, Reply& reply) {
  events_->Finish(request, pending, reply);
}

base::SteadyTime EventLoop::Answer(std::string& out, const Request& request, const Reply& reply, bool close,
                                   base::SteadyTime began) {
  WireOptions options;
  options.date = date_;
  options.request_id = request.request_id.empty() ? request_ids_.Next(wall_now_) : request.request_id;
  options.close = close;
  options.keep_alive = request.http_1_0 && request.keep_alive;
  options.head = request.method == Method::kHead;
  AppendToWire(out, reply, options);
  const base::SteadyTime now = clock_.Now();
  telemetry_.HttpRequest(Name(request.route), reply.status, now - began);
  if (!reply.code.empty()) telemetry_.RequestRejected(reply.code);
  return now;
}

}  // namespace ei::http
