#pragma once

#include <optional>
#include <string_view>

#include "redrive/dead_letter_record.h"

namespace ei::file_sink {

// Reads a line that AppendDeadLetterLine (line_format.h) wrote, without its line break: key, value and
// headers byte for byte. nullopt: it is no such line. stored_at, part and offset are the caller's to fill.
std::optional<DeadLetterRecord> ParseDeadLetterLine(std::string_view line);

}  // namespace ei::file_sink
