#pragma once

#include <optional>
#include <string_view>

#include "redrive/dead_letter_record.h"

namespace ei::file_sink {

// Parses a line that AppendDeadLetterLine (line_format.h) wrote, without its line break. Returns key, value
// and headers byte for byte; nullopt if it is not such a line. The caller sets stored_at, part and offset.
std::optional<DeadLetterRecord> ParseDeadLetterLine(std::string_view line);

}  // namespace ei::file_sink
