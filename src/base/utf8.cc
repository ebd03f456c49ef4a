#include "base/utf8.h"

#include <cstdint>

namespace ei::base {

Utf8Character ReadUtf8(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const size_t bytes = lead < 0xE0 ? 2 : (lead < 0xF0 ? 3 : 4);
  // The range of the second byte excludes overlong forms, surrogates and code points above U+10FFFF.
  uint8_t lowest = lead == 0xE0 ? 0xA0 : (lead == 0xF0 ? 0x90 : 0x80);
  uint8_t highest = lead == 0xED ? 0x9F : (lead == 0xF4 ? 0x8F : 0xBF);
  for (size_t i = 1; i < bytes; ++i) {
    if (i >= text.size() || byte(i) < lowest || byte(i) > highest) return {i, false};
    lowest = 0x80;
    highest = 0xBF;
  }
  return {bytes, true};
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character next = ReadUtf8(text);
    if (!next.valid) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

}  // namespace ei::base
