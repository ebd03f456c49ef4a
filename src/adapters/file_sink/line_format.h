#pragma once

#include <string>
#include <string_view>

#include "app/ports/event_sink.h"

namespace ei::file_sink {

// Appends the event's value as one line: its line breaks, which in valid JSON stand between tokens only,
// become spaces, so the line is exactly value.size() + 1 bytes.
void AppendEventLine(std::string& out, std::string_view value);

// Appends the dead letter as one JSON object on one line:
//   {"dlq_code":"too_large","dlq_reason":"...","dlq_attempts":4,"dlq_failed_at":"2026-01-31T12:00:00.123Z",
//    "key":"order-17","value":{...}}
// `key` is null when the event has none. Bytes of code, reason and key that are not UTF-8 become U+FFFD.
void AppendDeadLetterLine(std::string& out, const app::OutboundEvent& event, const app::DeadLetterNote& note);

}  // namespace ei::file_sink
