#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/time.h"

namespace ei::telemetry {

inline constexpr size_t kLogTextBytesMax = 1024;

// Returns one JSON object without a line break: level, time, component, message, then the fields. The line is
// valid JSON in UTF-8 for any bytes in the texts: invalid UTF-8 becomes U+FFFD, control characters are
// escaped, and a text is cut after kLogTextBytesMax bytes and ends in an ellipsis. A double that JSON can't
// represent is written as null. A field with the name of one of the first four members gets an underscore
// after its name.
std::string JsonLine(base::WallTime time, LogLevel level, std::string_view component,
                     std::string_view message, std::span<const LogField> fields);

}  // namespace ei::telemetry
