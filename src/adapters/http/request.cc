#include "adapters/http/request.h"

#include <algorithm>
#include <charconv>

#include "adapters/http/header_text.h"

namespace ei::http {

void Request::Clear() {
  std::string id = std::move(request_id);
  std::string trace = std::move(traceparent);
  std::string credential = std::move(authorization);
  id.clear();
  trace.clear();
  credential.clear();
  *this = Request();
  request_id = std::move(id);
  traceparent = std::move(trace);
  authorization = std::move(credential);
}

std::string_view Name(Route route) {
  switch (route) {
    case Route::kEvents: return "events";
    case Route::kHealth: return "health";
    case Route::kLivez: return "livez";
    case Route::kReadyz: return "readyz";
    case Route::kMetrics: return "metrics";
    case Route::kUnknown: return "other";
  }
  return "other";
}

Route ParseRoute(std::string_view target) {
  // The absolute form of the target, which clients of proxies use (RFC 9112, section 3.2.2).
  if (const size_t scheme = target.find("://");
      scheme != std::string_view::npos && !target.starts_with('/')) {
    const size_t path_begins = target.find('/', scheme + 3);
    target = path_begins == std::string_view::npos ? "/" : target.substr(path_begins);
  }
  const std::string_view path = target.substr(0, target.find('?'));
  if (path == "/events") return Route::kEvents;
  if (path == "/health") return Route::kHealth;
  if (path == "/livez") return Route::kLivez;
  if (path == "/readyz") return Route::kReadyz;
  if (path == "/metrics") return Route::kMetrics;
  return Route::kUnknown;
}

namespace {

// Decodes a name or value of a query (RFC 3986, section 2.1). A '%' that doesn't begin an escape is kept.
std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    unsigned byte = 0;
    const char* const end = text.data() + std::min<size_t>(text.size(), 3);
    if (text.size() >= 3 && text.front() == '%' &&
        std::from_chars(text.data() + 1, end, byte, 16).ptr == end) {
      decoded.push_back(static_cast<char>(byte));
      text.remove_prefix(3);
    } else {
      decoded.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return decoded;
}

}  // namespace

RequestedAck ParseRequestedAck(std::string_view target) {
  RequestedAck requested;
  TakeUntil(target, '?');
  bool found = false;
  while (!target.empty()) {
    std::string_view value = TakeUntil(target, '&');
    if (PercentDecoded(TakeUntil(value, '=')) != "ack") continue;
    requested.level = AckLevelOf(PercentDecoded(value));
    requested.valid = requested.level.has_value() && !found;
    found = true;
    if (!requested.valid) break;
  }
  return requested;
}

namespace {

// ASCII is a subset of UTF-8. Many clients write "utf8".
bool IsUtf8(std::string_view charset) {
  return EqualsIgnoreCase(charset, "utf-8") || EqualsIgnoreCase(charset, "utf8") ||
         EqualsIgnoreCase(charset, "us-ascii");
}

}  // namespace

MediaType ParseMediaType(std::string_view content_type) {
  std::string_view parameters = content_type;
  const std::string_view type = Trim(TakeUntil(parameters, ';'));
  while (!parameters.empty()) {
    std::string_view parameter = TakeUntilUnquoted(parameters, ';');
    const std::string_view name = Trim(TakeUntil(parameter, '='));
    if (EqualsIgnoreCase(name, "charset") && !IsUtf8(Unquote(Trim(parameter)))) return MediaType::kUnknown;
  }
  if (EqualsIgnoreCase(type, "application/json")) return MediaType::kJson;
  if (EqualsIgnoreCase(type, "application/x-ndjson") || EqualsIgnoreCase(type, "application/jsonl")) {
    return MediaType::kNdjson;
  }
  constexpr std::string_view kCloudEvents = "application/cloudevents";  // also -batch, and +json and others
  if (EqualsIgnoreCase(type.substr(0, kCloudEvents.size()), kCloudEvents)) return MediaType::kCloudEvents;
  return MediaType::kUnknown;
}

bool IsIdentity(std::string_view content_encoding) {
  while (!content_encoding.empty()) {
    const std::string_view coding = Trim(TakeUntil(content_encoding, ','));
    if (!coding.empty() && !EqualsIgnoreCase(coding, "identity")) return false;
  }
  return true;
}

bool IsRequestId(std::string_view value) {
  constexpr size_t kSizeMax = 128;
  return !value.empty() && value.size() <= kSizeMax && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < '\x7f' && c != '"' && c != '\\';
  });
}

}  // namespace ei::http
