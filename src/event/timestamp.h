#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace ei {

// "2026-01-31T12:00:00.123Z": RFC 3339 in UTC, to the millisecond.
using TimestampText = std::array<char, 24>;
TimestampText FormatTimestamp(base::WallTime time);

// True for a date-time of RFC 3339, section 5.6: a real calendar day, second 60 only where a leap second can
// be.
bool IsRfc3339(std::string_view text);

// The moment that such a date-time names, to the nanosecond; second 60 is the next minute's first. nullopt:
// it is none, or of a year beyond 1678 to 2261, for which WallTime has no number.
std::optional<base::WallTime> ParseTimestamp(std::string_view text);

inline std::string_view View(const TimestampText& text) { return {text.data(), text.size()}; }

}  // namespace ei
