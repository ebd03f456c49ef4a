#pragma once

#include <string>
#include <string_view>

#include "delivery/event_sink.h"

namespace ei::file_sink {

// The prefix of the names of segments with dead letters.
inline constexpr std::string_view kDeadLettersPrefix = "dead-letters";

// Appends the event's value as one line of exactly value.size() + 1 bytes. Line breaks in the value become
// spaces; in valid JSON they are between tokens only.
void AppendEventLine(std::string& out, std::string_view value);

// Appends the dead letter as one JSON object on one line, with its headers before its key and value:
//   {"dlq_code":"too_large","dlq_reason":"...","dlq_attempts":"4","dlq_topic":"events",
//    "dlq_failed_at":"2026-01-31T12:00:00.123Z","key":"order-17","value":{...}}
// `key` is null if the event has no key; a key that is not UTF-8 is written as key_base64. The value is
// written byte for byte, or as value_base64 if it has bytes that would end the line or look like a torn one
// (CR, LF, NUL). Invalid UTF-8 in headers becomes U+FFFD. dead_letter_line.h reads the line back.
void AppendDeadLetterLine(std::string& out, const EventView& event, const DeadLetterNote& note);

}  // namespace ei::file_sink
