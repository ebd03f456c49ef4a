#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event/ack_level.h"
#include "event/event_batch.h"

namespace ei::http {

enum class Method : uint8_t { kGet, kHead, kPost, kOther };
enum class Route : uint8_t { kEvents, kHealth, kLivez, kReadyz, kMetrics, kUnknown };
enum class MediaType : uint8_t { kNone, kJson, kNdjson, kCloudEvents, kUnknown };

// What the query says about the ack: `level` is empty when it asks for none.
struct RequestedAck {
  bool valid = true;
  std::optional<AckLevel> level;
};

// What the service needs to know of a request. Clear keeps the memory of request_id and traceparent.
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
  bool cloud_event = false;      // a header that names an attribute of CloudEvents
  bool partial = false;          // a Content-Range: the body is a part of something
  bool handling_strict = false;  // Prefer: handling=strict
  bool representation = false;   // Prefer: return=representation
  bool wants_openmetrics = false;
  bool chunked = false;
  std::optional<uint64_t> content_length;
  std::string request_id;                      // empty: the client sent none that can be used
  std::string traceparent;                     // empty: none, or not well-formed
  std::string key;                             // X-Event-Key, for routes that take their key from there
  std::string forwarded_for;                   // X-Forwarded-For, all lines of it
  ClientNumber client = 0;                     // as its connection says
  ClientIdentity client_identity = kNoClient;  // the same
  std::string_view body;                       // valid while the request is handled

  void Clear();
};

std::string_view Name(Route route);

Route ParseRoute(std::string_view target);

// The query parameter `ack`: not valid when it has an unknown value, or stands there twice.
RequestedAck ParseAckWish(std::string_view target);

MediaType ParseMediaType(std::string_view content_type);

// True for a Content-Encoding that leaves the body as it is: identity, or nothing at all.
bool IsIdentity(std::string_view content_encoding);

// True for 1 to 128 visible ASCII characters that can stand in a JSON string and a header as they are.
bool IsRequestId(std::string_view value);

}  // namespace ei::http
