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
  ClientShares* shares;  // null: clients are not told apart
  ei::Journal& journal;  // whose acks requests wait for; outlives the server
  const ei::Clock& clock;
  Telemetry& telemetry;
  Log& log;
  Operations operations;
  EventsEndpoint::Limits limits;
  const CurrentRoutes& routes;
  std::function<std::unique_ptr<EventDecoder>()> make_decoder;  // one an event loop
  uint64_t seed;                                                // for ids that clients did not send
};

// The HTTP side of the service: event loops that share a port (SO_REUSEPORT), and one for the admin port if
// there is one. Start, Serve, Stop* and the destructor belong to one owner thread; the rest is thread-safe.
class Server {
 public:
  // Listens, or says why it can't (the port is in use, the address isn't ours). Clients may connect from now
  // on, and wait until Serve.
  static base::Result<std::unique_ptr<Server>> Start(const HttpOptions& options,
                                                     const ServerContext& context);
  ~Server();

  // Answers, from now on; once. What requests lead to, as the sources of metrics, has to be there.
  void Serve();

  uint16_t Port() const { return port_; }
  std::optional<uint16_t> AdminPort() const { return admin_port_; }

  // From now on replies ask clients to close their connection.
  void AnnounceClose() { shared_.announce_close.store(true, std::memory_order_relaxed); }

  // Stops listening, lets the requests in progress be answered, at most until `deadline`, and closes
  // everything but the admin port. Returns how many connections had to be cut.
  size_t Stop(base::SteadyTime deadline);

  // Closes the admin port, if there is one; the last of all, as what a stop does is seen there.
  void StopOperations();

  size_t Connections() const { return main_.connections.Open() + admin_.connections.Open(); }
  size_t InflightBytes() const { return shared_.inflight.Held(); }
  size_t WaitingRequests() const;

 private:
  Server(const HttpOptions& options, const ServerContext& context);
  base::Result<void> Listen(EventLoop& loop, uint16_t& port, const char* setting);

  SharedState shared_;
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
