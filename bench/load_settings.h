#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace ei::bench {

// The load of one run. It ends after `duration` or `requests`, whichever is reached first; at least one must
// be set.
struct LoadSettings {
  sockaddr_in address{};  // loopback
  sockaddr_in source{};   // local address of the connections
  std::string host;       // for the Host header
  std::string path;
  std::string header;  // one more header of each request; empty: none
  std::uint32_t connections = 64;
  std::optional<std::chrono::nanoseconds> duration;
  std::optional<std::uint64_t> requests;
  std::uint32_t events_per_request = 1;
  std::size_t event_bytes = 284;
  bool spoilt = false;  // batches that are read and validated completely, then rejected
  // The last of every `nameless_every` requests has events without ids; 0: none.
  std::uint64_t nameless_every = 0;
  std::string ledger;             // file for the ids of accepted events; empty: none
  std::optional<double> rate;     // requests a second at fixed times; unset: each reply starts the next
  bool tls = false;               // the scheme is https
  bool resumes = false;           // with TLS: connections resume a session
  std::uint32_t close_after = 0;  // requests on a connection, then a new one is opened; 0: it is kept
  std::uint32_t pipeline = 1;     // requests in flight per connection
  bool retry_refused = false;     // resend requests that got 429 or 503; needs pipeline 1
  // The longest wait before that, even if Retry-After is longer.
  std::chrono::nanoseconds retry_wait_max{std::chrono::seconds(1)};
  bool stop_on_error = false;  // end the run at the first lost connection or unreadable reply
  std::chrono::nanoseconds drain{std::chrono::seconds(10)};  // longest wait for the last replies
};

}  // namespace ei::bench
