#pragma once

#include <array>
#include <string_view>

#include "base/time.h"

namespace ei::domain {

// "2026-01-31T12:00:00.123Z": RFC 3339 in UTC, to the millisecond.
using TimestampText = std::array<char, 24>;
TimestampText FormatTimestamp(base::WallTime time);

inline std::string_view View(const TimestampText& text) { return {text.data(), text.size()}; }

}  // namespace ei::domain
