#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "delivery/event_sink.h"

namespace ei {

using Headers = std::vector<std::pair<std::string_view, std::string>>;

// The headers that describe a dead letter, the same in the topic and in the file.
inline constexpr std::string_view kDlqPrefix = "dlq_";
inline constexpr std::string_view kDlqCode = "dlq_code";
inline constexpr std::string_view kDlqReason = "dlq_reason";
inline constexpr std::string_view kDlqAttempts = "dlq_attempts";
inline constexpr std::string_view kDlqTopic = "dlq_topic";
inline constexpr std::string_view kDlqFailedAt = "dlq_failed_at";
inline constexpr std::string_view kDlqReference = "dlq_reference";  // where the event is stored, if not here

// How often the event was redriven. It is on the redriven event, and on its dead letter if it is rejected
// again.
inline constexpr std::string_view kDlqRedrives = "dlq_redrives";

inline constexpr std::string_view kClientHeader = "event_client";  // the authenticated client's name
inline constexpr std::string_view kTraceIdHeader = "trace_id";
inline constexpr std::string_view kTraceparentHeader = "traceparent";
// The trace-id of a traceparent (W3C Trace Context, section 3.2.2), which must be valid.
inline std::string_view TraceIdOf(std::string_view traceparent) { return traceparent.substr(3, 32); }

// The headers event_client, trace_id and traceparent, as far as the context has them. The traceparent must be
// valid.
Headers ContextHeaders(const EventContext& context);

// All headers of a dead letter. dlq_topic and dlq_reference are left out if they are empty in the note.
Headers DeadLetterHeaders(const DeadLetterNote& note, const EventContext& context);

}  // namespace ei
