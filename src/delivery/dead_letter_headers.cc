#include "delivery/dead_letter_headers.h"

#include "event/timestamp.h"

namespace ei {

Headers ContextHeaders(const EventContext& context) {
  Headers headers;
  if (!context.client.empty()) headers.emplace_back(kClientHeader, context.client);
  if (!context.traceparent.empty()) {
    headers.emplace_back(kTraceIdHeader, TraceIdOf(context.traceparent));
    headers.emplace_back(kTraceparentHeader, context.traceparent);
  }
  return headers;
}

Headers DeadLetterHeaders(const DeadLetterNote& note, const EventContext& context) {
  Headers headers = {
      {kDlqCode, std::string(note.code)},
      {kDlqReason, std::string(note.reason)},
      {kDlqAttempts, std::to_string(note.attempts)},
  };
  if (!note.topic.empty()) headers.emplace_back(kDlqTopic, note.topic);
  headers.emplace_back(kDlqFailedAt, View(FormatTimestamp(note.failed_at)));
  if (!note.reference.empty()) headers.emplace_back(kDlqReference, note.reference);
  for (auto& header : ContextHeaders(context)) headers.push_back(std::move(header));
  return headers;
}

}  // namespace ei
