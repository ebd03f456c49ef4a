#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/time.h"

namespace ei::telemetry {

inline constexpr size_t kLogTextBytesMax = 1024;

// One JSON object without a line break: level, time, component, message, then the fields. Whatever the bytes
// of the texts are, the line is valid JSON in UTF-8: what is not UTF-8 becomes U+FFFD, control characters are
// escaped, a text is cut behind kLogTextBytesMax bytes and ends in an ellipsis, and a double that JSON can't
// write is null. A field named like one of the first four gets an underscore behind its name.
std::string JsonLine(base::WallTime time, LogLevel level, std::string_view component,
                     std::string_view message, std::span<const LogField> fields);

}  // namespace ei::telemetry
