#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "adapters/http/event_loop.h"
#include "base/result.h"

namespace ei::http {

struct ServerContext {
  ei::Ingest& ingest;
  ClientShares* shares;  // null: clients aren't distinguished
  ei::Journal& journal;  // its acks are waited for; outlives the server
  const ei::Clock& clock;
  Telemetry& telemetry;
  Log& log;
  Operations operations;
  EventsEndpoint::Limits limits;
  const CurrentRoutes& routes;
  std::function<std::unique_ptr<EventDecoder>()> make_decoder;  // called for each event loop
  // Called for each event loop; null: requests aren't authenticated.
  std::function<std::unique_ptr<Authenticator>()> make_authenticator;
  uint64_t seed;  // for generated request and event ids
};

// The HTTP server: event loops that share a port (SO_REUSEPORT), and a separate loop for the admin port, if
// one is configured. Start, Serve, Stop* and the destructor are for one owner thread; the rest is
// thread-safe.
class Server {
 public:
  // Starts to listen. Fails if the port is in use, the address isn't local, or the files of TLS can't be
  // used. Clients can connect from now on, but get no reply until Serve.
  static base::Result<std::unique_ptr<Server>> Start(const HttpOptions& options,
                                                     const ServerContext& context);
  ~Server();

  // Starts to answer requests. Call it once. Everything that requests use, such as the sources of metrics,
  // must exist.
  void Serve();

  uint16_t Port() const { return port_; }
  std::optional<uint16_t> AdminPort() const { return admin_port_; }

  // From now on every reply has Connection: close.
  void AnnounceClose() { shared_.announce_close.store(true, std::memory_order_relaxed); }

  // Stops listening, waits at most until `deadline` for the requests in progress to be answered and all
  // connections to be closed, and then closes everything but the admin port. Blocks. Returns the number of
  // connections that were still open at the deadline.
  size_t Stop(base::SteadyTime deadline);

  // Closes the admin port, if there is one. Call it last, so that the progress of a stop can be observed
  // there.
  void StopOperations();

  size_t Connections() const { return main_.connections.Open() + admin_.connections.Open(); }
  size_t InflightBytes() const { return shared_.inflight.Held(); }
  size_t WaitingRequests() const;
  const TlsCredentials* Tls() const { return tls_.get(); }  // null: plain HTTP

 private:
  Server(const HttpOptions& options, TrustedProxies proxies, const ServerContext& context);
  void UseTls(std::unique_ptr<TlsCredentials> credentials);
  base::Result<void> Listen(EventLoop& loop, uint16_t& port, const char* setting);

  SharedState shared_;
  std::unique_ptr<TlsCredentials> tls_;
  Listener main_;
  Listener admin_;
  const ServerContext context_;
  const OperationsEndpoint operations_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::unique_ptr<EventLoop> admin_loop_;
  uint16_t port_;
  std::optional<uint16_t> admin_port_;
  bool serving_ = false;
  bool stopped_ = false;
};

}  // namespace ei::http
