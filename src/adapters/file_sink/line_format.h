#pragma once

#include <string>
#include <string_view>

#include "delivery/event_sink.h"

namespace ei::file_sink {

// The names of segments that hold dead letters begin with it.
inline constexpr std::string_view kDeadLettersPrefix = "dead-letters";

// Appends the event's value as one line: its line breaks, which in valid JSON stand between tokens only,
// become spaces, so the line is exactly value.size() + 1 bytes.
void AppendEventLine(std::string& out, std::string_view value);

// Appends the dead letter as one JSON object on one line, its headers before its key and value:
//   {"dlq_code":"too_large","dlq_reason":"...","dlq_attempts":"4","dlq_topic":"events",
//    "dlq_failed_at":"2026-01-31T12:00:00.123Z","key":"order-17","value":{...}}
// `key` is null when the event has none; one that is not UTF-8 stands as key_base64. The value is the event's
// bytes untouched; with bytes that would end the line, or look like a torn one (CR, LF, NUL), it stands as
// value_base64. Bytes of headers that are not UTF-8 become U+FFFD. dead_letter_line.h reads it back.
void AppendDeadLetterLine(std::string& out, const EventView& event, const DeadLetterNote& note);

}  // namespace ei::file_sink
