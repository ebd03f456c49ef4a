#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/http/problem.h"

namespace ei::http {

// Names of the resources that clients share, for metrics and logs.
namespace over_share {
inline constexpr std::string_view kConnections = "connections";
inline constexpr std::string_view kMemory = "memory";
inline constexpr std::string_view kJournal = "journal";
inline constexpr std::string_view kRate = "rate";
inline constexpr std::string_view kOwnRate = "own_rate";  // the client's own, not the shared one
}  // namespace over_share

// The reply to one request, before it is put into wire format. Reused, so that a steady state allocates
// nothing.
struct Reply {
  uint16_t status = 500;
  std::string_view content_type = "application/json";
  std::string headers;  // additional headers, each ending in CRLF
  std::string body;
  std::string_view code;  // of a problem, or of a batch without an accepted event; empty otherwise
  // The resource (over_share::*) of which the rejected client is over its share; empty if there is none.
  std::string_view over_share;

  void Clear();
  void AddHeader(std::string_view name, std::string_view value);

  // Makes this reply a rejection. If `retry_after` is 0, it has no Retry-After header.
  void Refuse(const Problem& problem, std::string_view detail, std::chrono::seconds retry_after = {});
};

// Returns the value of the Date header (RFC 9110, section 5.6.7). Each loop calls it once per tick.
std::string FormatHttpDate(std::chrono::system_clock::time_point time);

struct WireOptions {
  std::string_view date;
  std::string_view request_id;
  bool close = false;       // Connection: close
  bool keep_alive = false;  // Connection: keep-alive, which HTTP/1.0 clients need
  bool head = false;        // no body
};

void AppendToWire(std::string& out, const Reply& reply, const WireOptions& options);

}  // namespace ei::http
