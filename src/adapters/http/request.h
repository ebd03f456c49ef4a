#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "clients/authenticator.h"
#include "clients/sender.h"
#include "event/ack_level.h"

namespace ei::http {

enum class Method : uint8_t { kGet, kHead, kPost, kOther };
enum class Route : uint8_t { kEvents, kHealth, kLivez, kReadyz, kMetrics, kUnknown };
enum class MediaType : uint8_t { kNone, kJson, kNdjson, kCloudEvents, kUnknown };

// The query parameter `ack`; `level` is empty if the query has none.
struct RequestedAck {
  bool valid = true;
  std::optional<AckLevel> level;
};

// The parts of a request that the service uses.
struct Request {
  Method method = Method::kOther;
  Route route = Route::kUnknown;
  MediaType media_type = MediaType::kNone;
  RequestedAck ack;
  bool keep_alive = true;
  bool http_1_0 = false;
  bool expects_continue = false;
  bool unknown_expectation = false;
  bool encoded = false;          // a Content-Encoding other than identity
  bool cloud_event = false;      // a header that begins with "ce-" (an attribute of CloudEvents)
  bool partial = false;          // it has a Content-Range: the body is only a part
  bool handling_strict = false;  // Prefer: handling=strict
  bool representation = false;   // Prefer: return=representation
  bool accepts_openmetrics = false;
  bool chunked = false;
  std::optional<uint64_t> content_length;
  std::string request_id;                   // empty: none, or not usable
  std::string traceparent;                  // empty: none, or not well-formed
  std::string key;                          // X-Event-Key, for routes whose key comes from it
  std::string forwarded_for;                // all X-Forwarded-For lines, joined by commas
  std::string authorization;                // a secret, as are all credentials
  std::string api_key;                      // X-API-Key
  bool credential_repeated = false;         // Authorization or X-API-Key occurs more than once
  Sender sender;                            // set by the connection
  AuthFault auth_fault = AuthFault::kNone;  // set by the connection
  std::string_view body;                    // valid while the request is handled

  // Resets all members; keeps the memory of request_id, traceparent and authorization.
  void Clear();
};

std::string_view Name(Route route);

Route ParseRoute(std::string_view target);

// Parses the query parameter `ack`. It is not valid if its value is unknown or if it occurs twice.
RequestedAck ParseRequestedAck(std::string_view target);

MediaType ParseMediaType(std::string_view content_type);

// True for a Content-Encoding that leaves the body unchanged: identity, or an empty value.
bool IsIdentity(std::string_view content_encoding);

// True for 1 to 128 visible ASCII characters without quotes and backslashes, which need no escaping in a JSON
// string or a header.
bool IsRequestId(std::string_view value);

}  // namespace ei::http
