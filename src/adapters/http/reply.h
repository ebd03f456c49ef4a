#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/http/problem.h"

namespace ei::http {

// What clients share, as metrics and logs name it.
namespace over_share {
inline constexpr std::string_view kConnections = "connections";
inline constexpr std::string_view kMemory = "memory";
inline constexpr std::string_view kJournal = "journal";
inline constexpr std::string_view kRate = "rate";
}  // namespace over_share

// The answer to one request, before it is put on the wire. Reused, so that a steady state allocates nothing.
struct Reply {
  uint16_t status = 500;
  std::string_view content_type = "application/json";
  std::string headers;  // further ones, each ending in CRLF
  std::string body;
  std::string_view code;  // of a problem, or of a batch without an accepted event; empty otherwise
  // What the client is refused because it has more than its part of it; empty: nothing.
  std::string_view over_share;

  void Clear();
  void AddHeader(std::string_view name, std::string_view value);

  // Makes this a refusal. `retry_after` of 0: none.
  void Refuse(const Problem& problem, std::string_view detail, std::chrono::seconds retry_after = {});
};

// Once per second per loop: the Date header's value (RFC 9110, section 5.6.7).
std::string FormatHttpDate(std::chrono::system_clock::time_point time);

struct WireOptions {
  std::string_view date;
  std::string_view request_id;
  bool close = false;       // Connection: close
  bool keep_alive = false;  // Connection: keep-alive, which HTTP/1.0 clients must be told
  bool head = false;        // no body
};

void AppendToWire(std::string& out, const Reply& reply, const WireOptions& options);

}  // namespace ei::http
