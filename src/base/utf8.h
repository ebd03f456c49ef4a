#pragma once

#include <cstddef>
#include <string_view>

namespace ei::base {

struct Utf8Character {
  size_t bytes = 1;    // of the character; if it is incomplete, of its longest valid prefix
  bool valid = false;  // as of table 3-7 of the Unicode standard
};

// Reads the first character of `text`, which is not empty. A writer that puts U+FFFD in the place of each
// invalid one follows the recommendation of the standard (chapter 3.9, substitution of maximal subparts).
Utf8Character ReadUtf8(std::string_view text);

bool IsUtf8(std::string_view text);

}  // namespace ei::base
