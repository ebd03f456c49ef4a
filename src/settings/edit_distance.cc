#include "settings/edit_distance.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>

namespace ei::service {
namespace {

char Folded(char c) {
  return c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

}  // namespace

// Optimal string alignment (restricted Damerau-Levenshtein). Row i holds the distances of the first i
// characters of `a` to every prefix of `b`. Three rows are enough, because a swap needs the row before the
// previous one.
std::size_t SpellingDistance(std::string_view a, std::string_view b) {
  assert(a.size() <= kSpellingBytesMax && b.size() <= kSpellingBytesMax);
  std::array<std::array<std::size_t, kSpellingBytesMax + 1>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& two_above = rows[(i + 1) % 3];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = Folded(a[i - 1]) == Folded(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && Folded(a[i - 1]) == Folded(b[j - 2]) && Folded(a[i - 2]) == Folded(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], two_above[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

bool IsLikelySlip(std::size_t distance, std::size_t name_length) {
  return distance <= std::max<std::size_t>(1, name_length / 3);
}

}  // namespace ei::service
