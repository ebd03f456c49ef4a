#pragma once

#include <cstddef>
#include <string_view>

namespace ei::service {

// Names longer than this are not compared: a distance costs time in proportion to both lengths.
inline constexpr std::size_t kSpellingBytesMax = 64;

// How many single-character slips (a wrong, missing or extra character, two swapped neighbours) lie between
// two names; upper and lower case, and `-` and `_`, count as the same. Both at most kSpellingBytesMax long.
std::size_t SpellingDistance(std::string_view a, std::string_view b);

// Whether `distance` is small enough, for a name of this length, to ask "did you mean".
bool IsLikelySlip(std::size_t distance, std::size_t name_length);

}  // namespace ei::service
