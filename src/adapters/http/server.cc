#include "adapters/http/server.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

namespace ei::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

// The admin port serves a kubelet, a scraper and some people. Its connections are counted separately, so that
// clients of the main port can't lock the probes out.
constexpr size_t kAdminConnectionsMax = 64;
constexpr auto kAdminSilenceTimeout = std::chrono::seconds(2);
constexpr size_t kAdminLingeringMax = 32;

// The lingering connections are divided among the loops; each loop may have at least this many.
constexpr size_t kLingeringOfLoopMin = 8;

// Binds and releases the endpoint without SO_REUSEPORT. With SO_REUSEPORT a second process of the same user
// could share the port unnoticed; a plain bind fails if the port is in use.
boost::system::error_code TryBindExclusively(asio::io_context& context, const tcp::endpoint& endpoint) {
  boost::system::error_code error;
  tcp::acceptor probe(context);
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) probe.bind(endpoint, error);
  return error;
}

}  // namespace

Server::Server(const HttpOptions& options, TrustedProxies proxies, const ServerContext& context)
    : shared_(options, std::move(proxies), context.shares),
      context_(context),
      operations_(context.operations),
      port_(options.port),
      admin_port_(options.admin_port) {
  main_.proxy_protocol = options.proxy_protocol == ProxyProtocol::kRequired;
  main_.operations = !options.admin_port.has_value();
  main_.closed = options.admin_auth;
  admin_.closed = options.admin_auth;
  main_.connections_max = options.connections_max;
  main_.lingering_max =
      std::max(kLingeringOfLoopMin, options.refused_connections_max / std::max<size_t>(1, options.threads));
  admin_.events = false;
  admin_.drops_silent = true;
  admin_.silence_timeout = kAdminSilenceTimeout;
  admin_.lingering_max = kAdminLingeringMax;
  admin_.connections_max = kAdminConnectionsMax;
}

base::Result<std::unique_ptr<Server>> Server::Start(const HttpOptions& options,
                                                    const ServerContext& context) {
  auto proxies = TrustedProxies::Parse(options.trusted_proxies);
  if (!proxies) return std::unexpected(std::move(proxies.error()));
  std::unique_ptr<Server> server(new Server(options, std::move(*proxies), context));
  if (options.tls.Enabled()) {
    auto opened = TlsCredentials::Open(options.tls, context.clock, context.log);
    if (!opened) return std::unexpected(std::move(opened.error()));
    server->UseTls(std::move(*opened));
  }
  const auto make_loop = [&](Listener& listener, size_t number) {
    return std::make_unique<EventLoop>(
        server->shared_, listener,
        std::make_unique<EventsEndpoint>(context.ingest, context.make_decoder(), context.routes,
                                         context.limits, context.telemetry, context.seed + 2 * number),
        server->operations_,
        context.make_authenticator ? context.make_authenticator() : std::unique_ptr<Authenticator>(),
        context.journal, context.clock, context.telemetry, context.log, context.seed + 2 * number + 1);
  };
  for (size_t i = 0; i < options.threads; ++i) {
    server->loops_.push_back(make_loop(server->main_, i));
    if (auto listening =
            server->Listen(*server->loops_.back(), server->port_, i == 0 ? "http.port" : nullptr);
        !listening) {
      return std::unexpected(listening.error());
    }
  }
  if (options.admin_port) {
    uint16_t port = *options.admin_port;
    server->admin_loop_ = make_loop(server->admin_, options.threads);
    if (auto listening = server->Listen(*server->admin_loop_, port, "admin.port"); !listening) {
      return std::unexpected(listening.error());
    }
    server->admin_port_ = port;
  }
  return server;
}

void Server::UseTls(std::unique_ptr<TlsCredentials> credentials) {
  tls_ = std::move(credentials);
  main_.tls = tls_.get();
  admin_.tls = tls_.get();
  main_.client_auth = shared_.options.tls.client_auth;
  admin_.client_auth = std::min(main_.client_auth, ClientAuth::kOptional);  // probes have no certificate
}

// `setting` names the port's setting; it is null for a loop that shares a port which this process already
// uses. Sets `port` to the port that was bound.
base::Result<void> Server::Listen(EventLoop& loop, uint16_t& port, const char* setting) {
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(shared_.options.address, error);
  const tcp::endpoint endpoint(address, port);
  tcp::acceptor acceptor(loop.Context());
  if (!error && setting != nullptr) error = TryBindExclusively(loop.Context(), endpoint);
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.set_option(ReusePort(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return base::Fail(base::ErrorKind::kUnavailable, "can't listen on " + shared_.options.address + ":" +
                                                         std::to_string(port) + " (http.address, " +
                                                         (setting != nullptr ? setting : "http.port") +
                                                         "): " + error.message());
  }
  port = acceptor.local_endpoint().port();
  loop.Listen(std::move(acceptor));
  return {};
}

void Server::Serve() {
  if (tls_) tls_->Start();
  for (auto& loop : loops_) loop->Start();
  if (admin_loop_) admin_loop_->Start();
  serving_ = true;
}

size_t Server::WaitingRequests() const {
  size_t waiting = 0;
  for (const auto& loop : loops_) waiting += loop->Waiting();
  return waiting;
}

Server::~Server() {
  Stop(base::SteadyTime::min());
  StopOperations();
}

size_t Server::Stop(base::SteadyTime deadline) {
  if (!serving_ || std::exchange(stopped_, true)) return 0;
  // Shared ownership, because a loop that is delayed beyond the deadline calls Remove later.
  const auto accepting = std::make_shared<ConnectionCount>();
  for (size_t i = 0; i < loops_.size(); ++i) accepting->Add();
  for (auto& loop : loops_) loop->PostStopAccepting([accepting] { accepting->Remove(); });
  accepting->AwaitNone(deadline);
  main_.connections.AwaitNone(deadline);
  const size_t cut = main_.connections.Open();
  for (auto& loop : loops_) loop->PostStop();
  for (auto& loop : loops_) loop->Join();
  return cut;
}

void Server::StopOperations() {
  if (!admin_loop_) return;
  admin_loop_->PostStop();
  admin_loop_->Join();
}

}  // namespace ei::http
