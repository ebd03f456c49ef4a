#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace ei {

// "2026-01-31T12:00:00.123Z": RFC 3339 in UTC, to the millisecond.
using TimestampText = std::array<char, 24>;
TimestampText FormatTimestamp(base::WallTime time);

// Returns true for a date-time of RFC 3339, section 5.6, on a real calendar day. Second 60 is allowed only
// where a leap second is possible.
bool IsRfc3339(std::string_view text);

// Returns the time of such a date-time. Digits beyond nanoseconds are dropped; second 60 is the first second
// of the next minute. Returns nullopt for any other text, and for years outside 1678 to 2261, which WallTime
// cannot represent.
std::optional<base::WallTime> ParseTimestamp(std::string_view text);

inline std::string_view View(const TimestampText& text) { return {text.data(), text.size()}; }

}  // namespace ei
