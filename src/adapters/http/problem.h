#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ei::http {

// A kind of rejection as clients see it. problem.cc and docs/API.md list all of them.
struct Problem {
  uint16_t status;
  std::string_view code;   // stable; clients may act on it
  std::string_view title;  // the same for every rejection of this kind
};

namespace problems {
extern const Problem kMalformedRequest;
extern const Problem kMalformedJson;
extern const Problem kTooDeep;
extern const Problem kInvalidAck;
extern const Problem kAckUnavailable;
extern const Problem kNotFound;
extern const Problem kMethodNotAllowed;
extern const Problem kHeaderTimeout;
extern const Problem kBodyTimeout;
extern const Problem kBodyTooLarge;
extern const Problem kTargetTooLong;
extern const Problem kBatchTooLarge;
extern const Problem kUnsupportedMediaType;
extern const Problem kUnsupportedEncoding;
extern const Problem kCloudEventsUnsupported;
extern const Problem kPartialBody;
extern const Problem kExpectationFailed;
extern const Problem kEmptyBatch;
extern const Problem kRateLimited;
extern const Problem kClientOverShare;
extern const Problem kHeadersTooLarge;
extern const Problem kJournalFull;
extern const Problem kShuttingDown;
extern const Problem kStorageFailed;
extern const Problem kNotReady;
extern const Problem kOverloaded;
extern const Problem kAckTimeout;

std::span<const Problem* const> All();
}  // namespace problems

// Appends the body of an application/problem+json reply (RFC 9457). `detail` is for people: it says what
// happened, and names the limit and its setting. The function escapes only quotes in it; `detail` must not
// contain anything else that JSON requires to be escaped.
void AppendProblem(std::string& out, uint16_t status, std::string_view code, std::string_view title,
                   std::string_view detail);

std::string_view ReasonPhrase(uint16_t status);

}  // namespace ei::http
