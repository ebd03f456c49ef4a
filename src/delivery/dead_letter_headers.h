#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "delivery/event_sink.h"

namespace ei {

using Headers = std::vector<std::pair<std::string_view, std::string>>;

// The headers by which a dead letter tells its story, the same in the topic and in the file.
inline constexpr std::string_view kDlqPrefix = "dlq_";
inline constexpr std::string_view kDlqCode = "dlq_code";
inline constexpr std::string_view kDlqReason = "dlq_reason";
inline constexpr std::string_view kDlqAttempts = "dlq_attempts";
inline constexpr std::string_view kDlqTopic = "dlq_topic";
inline constexpr std::string_view kDlqFailedAt = "dlq_failed_at";
inline constexpr std::string_view kDlqReference = "dlq_reference";  // where the event stands, if not here

// How often the event has been sent back, on a dead letter that died again and on the event itself.
inline constexpr std::string_view kDlqRedrives = "dlq_redrives";

inline constexpr std::string_view kTraceIdHeader = "trace_id";
inline constexpr std::string_view kTraceparentHeader = "traceparent";
// The trace-id within a traceparent (W3C Trace Context, section 3.2.2), which is a valid one.
inline std::string_view TraceIdOf(std::string_view traceparent) { return traceparent.substr(3, 32); }

// trace_id and traceparent; none for an empty `traceparent`, which else is a valid one.
Headers TraceHeaders(std::string_view traceparent);

// All headers of a dead letter; without dlq_topic and dlq_reference where the note has none.
Headers DeadLetterHeaders(const DeadLetterNote& note, std::string_view traceparent);

}  // namespace ei
