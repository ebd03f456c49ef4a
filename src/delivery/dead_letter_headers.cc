#include "delivery/dead_letter_headers.h"

#include "event/timestamp.h"

namespace ei {

Headers TraceHeaders(std::string_view traceparent) {
  if (traceparent.empty()) return {};
  return {{kTraceIdHeader, std::string(TraceIdOf(traceparent))},
          {kTraceparentHeader, std::string(traceparent)}};
}

Headers DeadLetterHeaders(const DeadLetterNote& note, std::string_view traceparent) {
  Headers headers = {
      {kDlqCode, std::string(note.code)},
      {kDlqReason, std::string(note.reason)},
      {kDlqAttempts, std::to_string(note.attempts)},
  };
  if (!note.topic.empty()) headers.emplace_back(kDlqTopic, note.topic);
  headers.emplace_back(kDlqFailedAt, View(FormatTimestamp(note.failed_at)));
  if (!note.reference.empty()) headers.emplace_back(kDlqReference, note.reference);
  for (auto& header : TraceHeaders(traceparent)) headers.push_back(std::move(header));
  return headers;
}

}  // namespace ei
