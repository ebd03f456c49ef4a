#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/time.h"
#include "clients/authenticator.h"
#include "event/event_fault.h"
#include "ingest/problems.h"

namespace ei::telemetry {

// Every metric of the service. The table, the exposition and docs/METRICS.md have the same order.
enum class MetricId : uint8_t {
  kHttpRequests,
  kHttpRequestDuration,
  kRequestsRejected,
  kHttpConnections,
  kConnectionsDropped,
  kTlsHandshakes,
  kTlsHandshakeDuration,
  kTlsHandshakeFailures,
  kTlsCertificateExpiry,
  kTlsReloadFailures,
  kHttpInflightBytes,
  kRequestsWaiting,
  kAckTimeouts,
  kClients,
  kClientOverShare,
  kClientJournalPart,
  kClientEventsAccepted,
  kClientEventsRejected,
  kAuthenticationFailures,
  kClientsFileFailures,
  kOpenAccess,
  kJwksFailures,
  kJwksAge,
  kEventsReceived,
  kEventsAccepted,
  kEventsDeduplicated,
  kEventIdConflicts,
  kEventsRejected,
  kEventsDelivered,
  kEventsDeadLettered,
  kEventsRetried,
  kEventsUndelivered,
  kJournalEvents,
  kJournalBytes,
  kJournalCapacityEvents,
  kJournalCapacityBytes,
  kJournalOldestAge,
  kJournalRecovered,
  kJournalLost,
  kWalCommitDuration,
  kWalWritten,
  kWalMemory,
  kWalBacklog,
  kWalDeferred,
  kWalSetAside,
  kWalUnreadable,
  kDeliveryDuration,
  kSinkInflightEvents,
  kDeliveryWaitingEvents,
  kStuckDestinations,
  kSinkFaults,
  kSinkRepeats,
  kBrokerLetIn,
  kBrokerRequests,
  kBrokerRequestTime,
  kSinkRefused,
  kSinkPause,
  kOneAckTopics,
  kDeadLetterFileBytes,
  kDeadLetterFileCapacity,
  kDeadLetterFileFailures,
  kLogLinesSuppressed,
  kLogLinesDropped,
  kBuildInfo,
  kProcessCpu,
  kProcessResidentMemory,
  kProcessOpenFds,
  kProcessMaxFds,
  kProcessThreads,
  kProcessStartTime,
};
inline constexpr size_t kMetricCount = static_cast<size_t>(MetricId::kProcessStartTime) + 1;

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };
std::string_view KindName(MetricKind kind);  // counter, gauge, histogram

struct MetricLabel {
  std::string_view name;                    // empty: no label
  std::string_view meaning;                 // for docs/METRICS.md
  std::span<const std::string_view> known;  // the values that are known in advance
};

struct Metric {
  MetricId id;
  std::string_view name;
  MetricKind kind;
  std::string_view unit;  // empty: a number without unit
  std::array<MetricLabel, 3> labels;
  std::span<const base::Duration> buckets;  // histograms only: inclusive upper bounds, ascending
  std::string_view help;                    // one line without quotes, backslashes, | and backticks
};

std::span<const Metric, kMetricCount> MetricTable();
const Metric& Row(MetricId id);

// The label value that counts everything beyond a label's bound.
inline constexpr std::string_view kOtherLabel = "other";

// The routes by which requests are counted; any other route counts as the last one, "other". The busiest
// route is first, because a request's route is searched from the front.
inline constexpr std::array<std::string_view, 6> kRoutes = {"events", "health",  "livez",
                                                            "readyz", "metrics", kOtherLabel};

// Where dead letters are stored.
inline constexpr std::array<std::string_view, 2> kDeadLetterPlaces = {"topic", "file"};

// Why events are rejected. These series are exported with 0 from the start, so that the first rejection is
// visible as an increase.
inline constexpr auto kRejectionCodes = [] {
  std::array<std::string_view, kIngestCodes.size() + kEventFaults.size() - 1> codes;
  const auto rest = std::ranges::copy(kIngestCodes, codes.begin()).out;
  std::ranges::transform(std::span(kEventFaults).subspan(1), rest, &FaultRow::code);
  return codes;
}();

// Why requests and connections are rejected; also exported with 0 from the start. A request with a single
// event is rejected with the code of that event; but for the temporary one these codes are added when they
// first occur.
inline constexpr auto kRequestCodes = [] {
  std::array<std::string_view, problems::kAll.size() + 2> codes = {kBatchNotValid,
                                                                   Code(EventFault::kPartitionStuck)};
  std::ranges::transform(problems::kAll, codes.begin() + 2, &Problem::code);
  return codes;
}();

// Why connections are closed without a reply that their clients can rely on.
inline constexpr std::array<std::string_view, 4> kDropReasons = {"refused", "silent", "unread",
                                                                 "proxy_header"};

// Whether a TLS handshake resumed an earlier session.
inline constexpr std::array<std::string_view, 2> kHandshakeKinds = {"full", "resumed"};

// Why TLS handshakes fail.
inline constexpr std::array<std::string_view, 12> kHandshakeFaults = {
    "plain_http",      "not_tls", "version", "cipher",    "protocol",  "no_certificate",
    "bad_certificate", "refused", "closed",  "timed_out", "no_memory", "malformed"};

// The resources that clients share.
inline constexpr std::array<std::string_view, 5> kSharedResources = {"connections", "memory", "journal",
                                                                     "rate", "own_rate"};

// Why requests have no valid credentials.
inline constexpr auto kAuthenticationFaults = [] {
  std::array<std::string_view, kAuthFaults.size() - 1> names;
  std::ranges::transform(std::span(kAuthFaults).subspan(1), names.begin(), &AuthFaultRow::name);
  return names;
}();

// Whether the broker recognized an event that was sent again.
inline constexpr std::array<std::string_view, 2> kRepeatKinds = {"recognized", "possible"};

// Faults of a sink that concern more than single events.
inline constexpr std::array<std::string_view, 19> kSinkFaults = {
    "authentication_failed", "tls_failed",     "token_refused", "token_unavailable",
    "not_authorized",        "brokers_down",   "not_kafka",     "unsupported_version",
    "connection_failed",     "timed_out",      "throttled",     "kafka_unavailable",
    "unknown_topic",         "misconfigured",  "clock_refused", "out_of_order_sequence",
    "producer_fenced",       "batch_rejected", "all_refused"};

inline constexpr std::array<base::Duration, 17> kRequestBuckets = {
    std::chrono::microseconds(50),  std::chrono::microseconds(100),   std::chrono::microseconds(250),
    std::chrono::microseconds(500), std::chrono::microseconds(1'000), std::chrono::microseconds(2'500),
    std::chrono::milliseconds(5),   std::chrono::milliseconds(10),    std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),  std::chrono::milliseconds(100),   std::chrono::milliseconds(250),
    std::chrono::milliseconds(500), std::chrono::milliseconds(1'000), std::chrono::milliseconds(2'500),
    std::chrono::seconds(5),        std::chrono::seconds(10)};

inline constexpr std::array<base::Duration, 18> kDeliveryBuckets = {
    std::chrono::microseconds(1'000), std::chrono::microseconds(2'500), std::chrono::milliseconds(5),
    std::chrono::milliseconds(10),    std::chrono::milliseconds(25),    std::chrono::milliseconds(50),
    std::chrono::milliseconds(100),   std::chrono::milliseconds(250),   std::chrono::milliseconds(500),
    std::chrono::milliseconds(1'000), std::chrono::milliseconds(2'500), std::chrono::seconds(5),
    std::chrono::seconds(10),         std::chrono::seconds(30),         std::chrono::seconds(60),
    std::chrono::seconds(120),        std::chrono::seconds(300),        std::chrono::seconds(600)};

}  // namespace ei::telemetry
