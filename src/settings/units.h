#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ei::service {

// Durations and sizes in the form that operators write: a number (digits, with at most one decimal point),
// directly followed by a unit. A fraction must be a whole number of the smallest unit: "1.5s" is valid,
// "0.5us" and "0.3KiB" are not. An error message is the end of a sentence that begins with the value, e.g.
// "is negative".

// us, ms, s, m, h. The bare number 0 needs no unit.
base::Result<std::chrono::microseconds> ParseDuration(std::string_view text);

// Bytes without a unit or with B; KiB, MiB, GiB, TiB and their short forms K, M, G, T (powers of 1024);
// KB, MB, GB, TB (powers of 1000).
base::Result<std::uint64_t> ParseBytes(std::string_view text);

// Format with the largest unit that gives a whole number: "75s", "2m", "10MiB", "1000000". The text parses to
// the same value; a duration is cut to whole microseconds.
std::string FormatDuration(base::Duration duration);
std::string FormatBytes(std::uint64_t bytes);

}  // namespace ei::service
