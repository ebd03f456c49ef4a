// Feeds arbitrary lines of the dead-letter file to the reader: they must be read without a fault, and a dead
// letter that was written to a line must be read back byte for byte.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adapters/file_sink/dead_letter_line.h"
#include "adapters/file_sink/line_format.h"
#include "redrive/dead_letter_filter.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckForeign(std::string_view line) {
  const auto dead_letter = ei::file_sink::ParseDeadLetterLine(line);
  if (!dead_letter) return;
  Require(dead_letter->headers.size() <= 64);
  Require(dead_letter->value.size() <= line.size());
  const ei::RedriveRules rules{.default_topic = "events", .dlq_topic = "events-dead"};
  if (ei::Judge(*dead_letter, rules) == ei::RedriveFault::kNone) {
    Require(!ei::TopicOf(*dead_letter, rules).empty());
  }
  static_cast<void>(ei::FailedAt(*dead_letter));
}

// Returns the input's next part, up to a byte 0xff, which no UTF-8 text contains.
std::string_view TakePart(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\xff'));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

void CheckOwn(std::string_view input, bool has_key) {
  ei::DeadLetterNote note{.code = "message_too_large", .reason = TakePart(input), .failed_at = {}};
  note.topic = TakePart(input);
  ei::EventView event;
  event.has_key = has_key;
  if (has_key) event.key = TakePart(input);
  event.value = input;

  std::string line;
  ei::file_sink::AppendDeadLetterLine(line, event, note);
  Require(line.ends_with('\n') && line.find('\n') == line.size() - 1 && !line.contains('\0'));
  line.pop_back();
  const auto dead_letter = ei::file_sink::ParseDeadLetterLine(line);
  Require(dead_letter.has_value());
  Require(dead_letter->value == event.value);
  Require(dead_letter->key.has_value() == has_key && (!has_key || *dead_letter->key == event.key));
  Require(dead_letter->Header("dlq_code") == note.code);
}

}  // namespace

// The first byte decides whether the rest is a line of the file or the parts of a dead letter.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: CheckForeign(input); break;
    case 1: CheckOwn(input, true); break;
    default: CheckOwn(input, false);
  }
  return 0;
}
