#include "base/utf8.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>

namespace ei::base {
namespace {

// Bytes at and beside the bounds of table 3-7.
constexpr std::string_view kBytes(
    "\x00\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xFF", 24);

// Calls `check` with every text of `length` bytes out of kBytes.
template <typename Check>
void ForEachText(size_t length, const Check& check) {
  size_t count = 1;
  for (size_t i = 0; i < length; ++i) count *= kBytes.size();
  std::string text(length, '\0');
  for (size_t number = 0; number < count; ++number) {
    size_t rest = number;
    for (char& byte : text) {
      byte = kBytes[rest % kBytes.size()];
      rest /= kBytes.size();
    }
    check(text);
  }
}

TEST(Utf8, IsWhatSimdjsonAccepts) {
  EXPECT_TRUE(IsUtf8(""));
  for (size_t length = 1; length <= 4; ++length) {
    ForEachText(length, [](const std::string& text) {
      ASSERT_EQ(IsUtf8(text), simdjson::validate_utf8(text)) << testing::PrintToString(text);
    });
  }
}

TEST(Utf8, AnInvalidCharacterEndsWhereNoCharacterCouldGoOn) {
  for (size_t length = 1; length <= 4; ++length) {
    ForEachText(length, [](const std::string& text) {
      const auto [bytes, valid] = ReadUtf8(text);
      ASSERT_GE(bytes, 1U);
      ASSERT_LE(bytes, text.size());
      EXPECT_EQ(simdjson::validate_utf8(text.data(), bytes), valid);
      if (valid || bytes == 1) return;
      // Its bytes begin some character, and with the next one they begin none.
      const auto begins_one = [](std::string begin) {
        while (begin.size() < 4) {
          for (const char last : {'\x80', '\xBF'}) {
            if (simdjson::validate_utf8(begin + last)) return true;
          }
          begin += '\x80';
        }
        return false;
      };
      EXPECT_TRUE(begins_one(text.substr(0, bytes))) << testing::PrintToString(text);
      if (bytes < text.size()) {
        EXPECT_FALSE(begins_one(text.substr(0, bytes + 1))) << testing::PrintToString(text);
      }
    });
  }
}

}  // namespace
}  // namespace ei::base
