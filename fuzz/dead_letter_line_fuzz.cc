// Whatever stands in the dead-letter file: it is read without a fault, and a letter that was written there
// comes back byte for byte.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adapters/file_sink/dead_letter_line.h"
#include "adapters/file_sink/line_format.h"
#include "app/letter_filter.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckForeign(std::string_view line) {
  const auto letter = ei::file_sink::ParseDeadLetterLine(line);
  if (!letter) return;
  Require(letter->headers.size() <= 64);
  Require(letter->value.size() <= line.size());
  const ei::app::RedriveRules rules{.default_topic = "events", .dlq_topic = "events-dead"};
  if (ei::app::Judge(*letter, rules) == ei::app::LetterFault::kNone) {
    Require(!ei::app::TopicOf(*letter, rules).empty());
  }
  static_cast<void>(ei::app::FailedAt(*letter));
}

// Takes the input's next part, up to a byte 0xff, which is in no UTF-8 text.
std::string_view TakePart(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\xff'));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

void CheckOwn(std::string_view input, bool has_key) {
  ei::app::DeadLetterNote note{.code = "message_too_large", .reason = TakePart(input), .failed_at = {}};
  note.topic = TakePart(input);
  ei::app::EventView event;
  event.has_key = has_key;
  if (has_key) event.key = TakePart(input);
  event.value = input;

  std::string line;
  ei::file_sink::AppendDeadLetterLine(line, event, note);
  Require(line.ends_with('\n') && line.find('\n') == line.size() - 1 && !line.contains('\0'));
  line.pop_back();
  const auto letter = ei::file_sink::ParseDeadLetterLine(line);
  Require(letter.has_value());
  Require(letter->value == event.value);
  Require(letter->key.has_value() == has_key && (!has_key || *letter->key == event.key));
  Require(letter->Header("dlq_code") == note.code);
}

}  // namespace

// The first byte says whether the rest is a line of the file, or the parts of a letter.
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
