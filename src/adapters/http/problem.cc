#include "adapters/http/problem.h"

#include <array>

namespace ei::http {

namespace problems {
const Problem kMalformedRequest{400, "malformed_request", "The HTTP request is malformed"};
const Problem kMalformedJson{400, "malformed_json", "The body is not valid JSON"};
const Problem kTooDeep{400, "too_deep", "The JSON is nested too deeply"};
const Problem kInvalidAck{400, "invalid_ack", "The ack level is unknown"};
const Problem kAckUnavailable{400, "ack_unavailable", "The requested ack level is not available"};
const Problem kPartialBody{400, "partial_body", "Partial bodies are not supported"};
const Problem kNotFound{404, "not_found", "Not found"};
const Problem kMethodNotAllowed{405, "method_not_allowed", "Method not allowed"};
const Problem kHeaderTimeout{408, "header_timeout", "The request header took too long"};
const Problem kBodyTimeout{408, "body_timeout", "The request body took too long"};
const Problem kBodyTooLarge{413, "body_too_large", "The request body is too large"};
const Problem kBatchTooLarge{413, "batch_too_large", "The batch is too large"};
const Problem kTargetTooLong{414, "target_too_long", "The request target is too long"};
const Problem kUnsupportedMediaType{415, "unsupported_media_type", "The media type is not supported"};
const Problem kUnsupportedEncoding{415, "unsupported_encoding", "The content encoding is not supported"};
const Problem kCloudEventsUnsupported{415, "cloudevents_unsupported", "CloudEvents are not supported yet"};
const Problem kExpectationFailed{417, "expectation_failed", "The expectation can't be met"};
const Problem kEmptyBatch{422, "empty_batch", "The batch contains no events"};
const Problem kRateLimited{429, "rate_limited", "The rate limit is exceeded"};
const Problem kClientOverShare{429, "client_over_share", "The client is over its share"};
const Problem kHeadersTooLarge{431, "headers_too_large", "The request header is too large"};
const Problem kJournalFull{503, "journal_full", "The journal is full"};
const Problem kShuttingDown{503, "shutting_down", "The service is stopping"};
const Problem kStorageFailed{503, "storage_failed", "The journal's storage failed"};
const Problem kNotReady{503, "not_ready", "The service is not ready"};
const Problem kOverloaded{503, "overloaded", "The service is overloaded"};
const Problem kAckTimeout{504, "ack_timeout", "The ack did not arrive in time"};

std::span<const Problem* const> All() {
  static constexpr std::array kAll = {&kMalformedRequest,
                                      &kMalformedJson,
                                      &kTooDeep,
                                      &kInvalidAck,
                                      &kAckUnavailable,
                                      &kPartialBody,
                                      &kNotFound,
                                      &kMethodNotAllowed,
                                      &kHeaderTimeout,
                                      &kBodyTimeout,
                                      &kBodyTooLarge,
                                      &kBatchTooLarge,
                                      &kTargetTooLong,
                                      &kUnsupportedMediaType,
                                      &kUnsupportedEncoding,
                                      &kCloudEventsUnsupported,
                                      &kExpectationFailed,
                                      &kEmptyBatch,
                                      &kRateLimited,
                                      &kClientOverShare,
                                      &kHeadersTooLarge,
                                      &kJournalFull,
                                      &kShuttingDown,
                                      &kStorageFailed,
                                      &kNotReady,
                                      &kOverloaded,
                                      &kAckTimeout};
  return kAll;
}
}  // namespace problems

void AppendProblem(std::string& out, uint16_t status, std::string_view code, std::string_view title,
                   std::string_view detail) {
  out.append(R"({"type":"about:blank","title":")").append(title).append(R"(","status":)");
  out.append(std::to_string(status)).append(R"(,"code":")").append(code).append(R"(","detail":")");
  for (const char c : detail) {
    if (c == '"') out.push_back('\\');
    out.push_back(c);
  }
  out.append("\"}");
}

std::string_view ReasonPhrase(uint16_t status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 207: return "Multi-Status";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Unknown";
  }
}

}  // namespace ei::http
