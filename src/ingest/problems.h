#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/enum_rows.h"

namespace ei {

// A kind of rejection of a request as clients see it.
struct Problem {
  uint16_t status;
  std::string_view code;   // stable; clients may act on it
  std::string_view title;  // the same for every rejection of this kind
  std::string_view type = "about:blank";
};

// The kinds of rejection of requests. Replies and metrics take codes from here; docs/API.md lists
// them for people. The kinds of rejection of single events are in event/event_fault.h.
namespace problems {

inline constexpr auto kAll = std::to_array<Problem>({
    {400, "malformed_request", "The HTTP request is malformed"},
    {400, "malformed_json", "The body is not valid JSON"},
    {400, "too_deep", "The JSON is nested too deeply"},
    {400, "invalid_ack", "The ack level is unknown"},
    {400, "ack_unavailable", "The requested ack level is not available"},
    {400, "partial_body", "Partial bodies are not supported"},
    {400, "plain_http_on_tls_port", "Plain HTTP on a port with TLS"},
    {401, "unauthenticated", "Valid credentials are required"},
    {403, "ack_not_allowed", "The client may not request this ack level"},
    {403, "admin_not_allowed", "The client may not use the operational routes"},
    {404, "not_found", "Not found"},
    {405, "method_not_allowed", "Method not allowed"},
    {408, "header_timeout", "The request header took too long"},
    {408, "body_timeout", "The request body took too long"},
    {413, "body_too_large", "The request body is too large"},
    {413, "batch_too_large", "The batch is too large"},
    {414, "target_too_long", "The request target is too long"},
    {415, "unsupported_media_type", "The media type is not supported"},
    {415, "unsupported_encoding", "The content encoding is not supported"},
    {415, "cloudevents_unsupported", "CloudEvents are not supported yet"},
    {417, "expectation_failed", "The expectation can't be met"},
    {422, "empty_batch", "The batch contains no events"},
    // The type is that of draft-ietf-httpapi-ratelimit-headers-11.
    {429, "rate_limited", "The rate limit is exceeded",
     "https://iana.org/assignments/http-problem-types#quota-exceeded"},
    {429, "client_over_share", "The client is over its share"},
    {431, "headers_too_large", "The request header is too large"},
    {503, "journal_full", "The journal is full"},
    {503, "shutting_down", "The service is stopping"},
    {503, "storage_failed", "The journal's storage failed"},
    {503, "not_ready", "The service is not ready"},
    {503, "overloaded", "The service is overloaded"},
    {504, "ack_timeout", "The ack did not arrive in time"},
});

// A code that is not in the list doesn't compile: the end of the list can't be read.
consteval Problem Named(std::string_view code) { return *std::ranges::find(kAll, code, &Problem::code); }

inline constexpr Problem kMalformedRequest = Named("malformed_request");
inline constexpr Problem kMalformedJson = Named("malformed_json");
inline constexpr Problem kTooDeep = Named("too_deep");
inline constexpr Problem kInvalidAck = Named("invalid_ack");
inline constexpr Problem kAckUnavailable = Named("ack_unavailable");
inline constexpr Problem kPartialBody = Named("partial_body");
inline constexpr Problem kPlainHttpOnTlsPort = Named("plain_http_on_tls_port");
inline constexpr Problem kUnauthenticated = Named("unauthenticated");
inline constexpr Problem kAckNotAllowed = Named("ack_not_allowed");
inline constexpr Problem kAdminNotAllowed = Named("admin_not_allowed");
inline constexpr Problem kNotFound = Named("not_found");
inline constexpr Problem kMethodNotAllowed = Named("method_not_allowed");
inline constexpr Problem kHeaderTimeout = Named("header_timeout");
inline constexpr Problem kBodyTimeout = Named("body_timeout");
inline constexpr Problem kBodyTooLarge = Named("body_too_large");
inline constexpr Problem kBatchTooLarge = Named("batch_too_large");
inline constexpr Problem kTargetTooLong = Named("target_too_long");
inline constexpr Problem kUnsupportedMediaType = Named("unsupported_media_type");
inline constexpr Problem kUnsupportedEncoding = Named("unsupported_encoding");
inline constexpr Problem kCloudEventsUnsupported = Named("cloudevents_unsupported");
inline constexpr Problem kExpectationFailed = Named("expectation_failed");
inline constexpr Problem kEmptyBatch = Named("empty_batch");
inline constexpr Problem kRateLimited = Named("rate_limited");
inline constexpr Problem kClientOverShare = Named("client_over_share");
inline constexpr Problem kHeadersTooLarge = Named("headers_too_large");
inline constexpr Problem kJournalFull = Named("journal_full");
inline constexpr Problem kShuttingDown = Named("shutting_down");
inline constexpr Problem kStorageFailed = Named("storage_failed");
inline constexpr Problem kNotReady = Named("not_ready");
inline constexpr Problem kOverloaded = Named("overloaded");
inline constexpr Problem kAckTimeout = Named("ack_timeout");

}  // namespace problems

// The code of the valid events of a batch that strict handling rejects because of its invalid events, and of
// a batch without an accepted event. Such a reply has a list of results, so it is not a Problem.
inline constexpr std::string_view kBatchNotValid = "batch_not_valid";

enum class IngestStatus : uint8_t {
  kAccepted,     // each valid event (IngestContext::batch) is in the journal or, if a repeat, was accepted
                 // before
  kAllRejected,  // no event was accepted; IngestContext::rejections says why
  kRateLimited,
  kJournalFull,
  kOverShare,      // the journal has room, but the client is over its share
  kBatchTooLarge,  // more valid events than the journal can ever hold at once
  kKeyTooLarge,  // the events plus the request's key, once for each event that uses it, exceed body_bytes_max
  kShuttingDown,
  kStorageFailed,   // the journal's storage failed; the process is about to end
  kAckUnavailable,  // the service can't provide the requested level
};

// How clients see that ingest rejects a request.
struct IngestRejection {
  IngestStatus status;
  Problem problem;
  std::string_view detail;
};

// One row for each status, in the order of IngestStatus. Replies and metrics take codes from here.
inline constexpr auto kIngestRejections = std::to_array<IngestRejection>({
    {IngestStatus::kAccepted, {}, {}},
    {IngestStatus::kAllRejected, {}, {}},
    {IngestStatus::kRateLimited, problems::kRateLimited, "more events than rate_limit.rps allows"},
    {IngestStatus::kJournalFull, problems::kJournalFull,
     "events arrive faster than they can be delivered; the journal (journal.events_max, journal.bytes_max) has "
     "no room for this request"},
    {IngestStatus::kOverShare, problems::kClientOverShare,
     "the last 1/8 of the journal (journal.events_max, journal.bytes_max, wal.bytes_max) is reserved for "
     "clients that use little of it; send more slowly"},
    {IngestStatus::kBatchTooLarge, problems::kBatchTooLarge,
     "the batch is larger than the whole journal (journal.events_max, journal.bytes_max)"},
    {IngestStatus::kKeyTooLarge, problems::kBatchTooLarge,
     "X-Event-Key counts once for each event that uses it; the events and their keys are together larger than "
     "ingest.body_bytes_max"},
    {IngestStatus::kShuttingDown, problems::kShuttingDown,
     "send the request to another replica, or retry later"},
    {IngestStatus::kStorageFailed, problems::kStorageFailed,
     "no events are accepted until the service is restarted; see its log"},
    {IngestStatus::kAckUnavailable, problems::kAckUnavailable,
     "wal needs the write-ahead log, which is on when ingest.ack or ingest.ack_min is wal; request memory or "
     "broker instead"},
});

constexpr const IngestRejection& RowOf(IngestStatus status) {
  return kIngestRejections[static_cast<size_t>(status)];
}
// Returns the stable code of a rejection, for example "journal_full"; empty for kAccepted and kAllRejected.
constexpr std::string_view Code(IngestStatus status) { return RowOf(status).problem.code; }

static_assert(base::HasRowForEach(kIngestRejections, &IngestRejection::status,
                                  IngestStatus::kAckUnavailable));

// The codes of Code(IngestStatus) that events are counted under.
inline constexpr std::array kIngestCodes = {problems::kRateLimited.code,  problems::kClientOverShare.code,
                                            problems::kJournalFull.code,  kBatchNotValid,
                                            problems::kShuttingDown.code, problems::kStorageFailed.code,
                                            problems::kBatchTooLarge.code};

}  // namespace ei
