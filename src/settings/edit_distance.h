#pragma once

#include <cstddef>
#include <string_view>

namespace ei::service {

// Names longer than this are not compared, because the time for a distance is proportional to the product of
// the lengths.
inline constexpr std::size_t kSpellingBytesMax = 64;

// Returns the number of single-character typos (a wrong, missing or extra character, two swapped neighbours)
// between two names. Upper and lower case are the same, and so are `-` and `_`. Both are at most
// kSpellingBytesMax long.
std::size_t SpellingDistance(std::string_view a, std::string_view b);

// Returns whether `distance` is small enough, for a name of this length, to ask "did you mean".
bool IsLikelySlip(std::size_t distance, std::size_t name_length);

}  // namespace ei::service
