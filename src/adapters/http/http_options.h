#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "adapters/http/tls_options.h"
#include "base/time.h"

namespace ei::http {

// Whether connections to the main port begin with a header of the PROXY protocol, version 2.
enum class ProxyProtocol : uint8_t { kOff, kRequired };

struct HttpOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;                // 0: any free port
  std::optional<uint16_t> admin_port;  // unset: the operational routes are on `port`
  bool admin_auth = false;             // the operational routes except for probes are authenticated
  size_t threads = 1;                  // event loops
  std::string trusted_proxies;         // networks, as TrustedProxies::Parse reads them
  ProxyProtocol proxy_protocol = ProxyProtocol::kOff;  // kRequired: only trusted_proxies may connect
  TlsOptions tls;

  size_t connections_max = 10'000;
  // In addition to connections_max: connections that were rejected or are closing, until their clients have
  // the reply.
  size_t refused_connections_max = 256;
  size_t header_bytes_max = 16 << 10;  // request line and headers
  size_t body_bytes_max = 10 << 20;
  // Buffers of all connections, not counting the first 4 KiB of each.
  size_t inflight_bytes_max = 64 << 20;

  // From a request's first byte to its last, and for the client to read the reply.
  base::Duration request_timeout = std::chrono::seconds(30);
  base::Duration idle_timeout = std::chrono::seconds(75);  // between requests
  base::Duration ack_timeout = std::chrono::seconds(30);   // for the ack of accepted events
};

}  // namespace ei::http
