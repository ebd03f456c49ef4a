#include <gtest/gtest.h>

#include <string>

#include "unit/adapters/json/grammar_fixture.h"

namespace ei::json {
namespace {

class GrammarOfValues : public Grammar {};

INSTANTIATE_TEST_SUITE_P(Scanners, GrammarOfValues, ::testing::ValuesIn(support::JsonScannerNames()),
                         [](const auto& scanner) { return scanner.param; });

TEST_P(GrammarOfValues, BrokenNumbersAreRefused) {
  // clang-format off
  for (const auto text :
       {"-"sv, "+1"sv, "--1"sv, "-+1"sv, "01"sv, "-01"sv, "00"sv, "-00"sv, "1."sv, ".1"sv, "-.1"sv, "-1."sv, "1.e1"sv,
        "1e"sv, "1E"sv, "1e+"sv, "1e-"sv, "1e1.5"sv, "1e++1"sv, "1e1e1"sv, "0e"sv, "0e+"sv, "0.e1"sv, "1.1.1"sv,
        "1..1"sv, "1_000"sv, "1,000.0.0"sv, "0x10"sv, "0x"sv, "0b1"sv, "0o7"sv, "1a"sv, "1 2"sv, "- 1"sv, "1 .0"sv,
        "1. 0"sv, "1 e1"sv, "1e 1"sv, "NaN"sv, "nan"sv, "-NaN"sv, "Infinity"sv, "-Infinity"sv, "+Infinity"sv, "inf"sv,
        "-inf"sv, "1f"sv, "1L"sv, "1.0d"sv, "$1"sv, "1%"sv, "\xef\xbc\x91"sv, "1\xef\xbc\x91"sv, "-foo"sv, "1-1"sv,
        "1+1"sv, "12345678901234567890x"sv, "2.e3"sv, "2.e+3"sv, "2.e-3"sv, "9.e+"sv, "0.3e"sv, "0.3e+"sv, "1eE2"sv,
        "-2."sv, "+-1"sv, "++1234"sv, "-012"sv, "012"sv, "1.8011670033376514H-308"sv, "1\"a\""sv, "1\x00"sv}) {
    // clang-format on
    ExpectInvalid(text);
  }
}

TEST_P(GrammarOfValues, NumbersOfAnySizeAreAccepted) {
  // clang-format off
  for (const auto text :
       {"0"sv, "-0"sv, "0.0"sv, "-0.0"sv, "0e0"sv, "0E+0"sv, "0e-0"sv, "1"sv, "-1"sv, "10"sv, "123"sv, "1.5"sv,
        "1.50000"sv, "-1.0"sv, "1e5"sv, "1E5"sv, "1e+5"sv, "1e-5"sv, "1.5e10"sv, "1e05"sv, "1e00"sv, "1.5E+007"sv,
        "18446744073709551615"sv, "18446744073709551616"sv, "-9223372036854775809"sv,
        "123456789012345678901234567890"sv, "1e999"sv, "-1e999"sv, "1e-999"sv, "1e99999999999999999999"sv,
        "0.1000000000000000055511151231257827"sv, "4.9e-324"sv, "0.5e-400"sv}) {
    // clang-format on
    ExpectValid(text);
  }
  ExpectValid(std::string(10'000, '7'));
  ExpectValid("0." + std::string(10'000, '0') + "1");
  ExpectValid("1e" + std::string(10'000, '9'));
  ExpectInvalid(std::string(10'000, '7') + "x");
}

TEST_P(GrammarOfValues, BrokenStringsAreRefused) {
  // clang-format off
  for (const auto text :
       {"\""sv, "\"a"sv, "a\""sv, "'a'"sv, "\"a'"sv, "\"\\\""sv, "\"\\"sv, "\"\\x\""sv, "\"\\x41\""sv, "\"\\'\""sv,
        "\"\\a\""sv, "\"\\v\""sv, "\"\\0\""sv, "\"\\1\""sv, "\"\\ \""sv, "\"\\U0041\""sv, "\"\\N\""sv, "\"\\u\""sv,
        "\"\\u1\""sv, "\"\\u12\""sv, "\"\\u123\""sv, "\"\\u123g\""sv, "\"\\u 123\""sv, "\"\\u+123\""sv,
        "\"\\u-123\""sv, "\"\\u{41}\""sv, "\"\\u00\xc3\xa9\""sv, "\"\\\xc3\xa9\""sv, "\"\\\n\""sv, "\"\\\t\""sv,
        "\"a\"b"sv, "\"a\"\"b\""sv, "\"a\" \"b\""sv, "\"a\"1"sv, "\"a\"true"sv, "\"\"\""sv, "\"\t\""sv, "\"\n\""sv,
        "\"\r\""sv, "\"\x01\""sv, "\"\x1f\""sv, "\"\x00\""sv, "\"a\x00z\""sv, "\\\"a\""sv, "\"a\\"sv, "\"a\\\\\\\""sv,
        "\xe2\x80\x9c" "a\xe2\x80\x9d"sv, "\"\\u0041"sv, "\"\\\"\\"sv, "\"a\"\\\"b\""sv, "`a`"sv}) {
    // clang-format on
    ExpectInvalid(text);
  }
}

TEST_P(GrammarOfValues, StringsAreAccepted) {
  // clang-format off
  for (const auto text :
       {"\"\""sv, "\"a\""sv, "\" \""sv, "\"'\""sv, "\"\\\"\""sv, "\"\\\\\""sv, "\"\\/\""sv, "\"/\""sv, "\"\\b\""sv,
        "\"\\f\""sv, "\"\\n\""sv, "\"\\r\""sv, "\"\\t\""sv, "\"\\u0000\""sv, "\"\\u0041\""sv, "\"\\uABCD\""sv,
        "\"\\uabcd\""sv, "\"\\uFFFF\""sv, "\"\\ufffe\""sv, "\"\\ud7ff\""sv, "\"\\ue000\""sv, "\"\\ud83d\\ude00\""sv,
        "\"\\uD800\\uDC00\""sv, "\"\\udbff\\udfff\""sv, "\"\\\\u0041\""sv, "\"\\\\\\\\\""sv, "\"\\\\\\\"\""sv,
        "\"\x7f\""sv, "\"\xc2\x80\""sv, "\"\xdf\xbf\""sv, "\"\xe0\xa0\x80\""sv, "\"\xed\x9f\xbf\""sv,
        "\"\xee\x80\x80\""sv, "\"\xef\xbf\xbf\""sv, "\"\xef\xbb\xbf\""sv, "\"\xf0\x90\x80\x80\""sv,
        "\"\xf4\x8f\xbf\xbf\""sv, "\"\xe2\x80\xa8\""sv, "\"{}[],:\""sv, "\"null\""sv, "\"// no comment\""sv}) {
    // clang-format on
    ExpectValid(text);
  }
}

// Escapes of half a surrogate pair can't be encoded in UTF-8. RFC 8259 section 8.2 leaves their handling
// open; the decoder rejects them.
TEST_P(GrammarOfValues, LoneSurrogateEscapesAreRefused) {
  for (const auto text :
       {"\"\\ud800\""sv, "\"\\udbff\""sv, "\"\\udc00\""sv, "\"\\udfff\""sv, "\"\\ud800x\""sv,
        "\"\\ud800\\n\""sv, "\"\\ud800\\u0041\""sv, "\"\\ud800\\ud800\""sv, "\"\\udc00\\ud800\""sv,
        "\"\\ud800\\udc0\""sv, "\"\\ud83d\\ude00\\ude00\""sv, "\"\\ud800\\\"\""sv}) {
    ExpectInvalid(text);
  }
}

TEST_P(GrammarOfValues, BrokenUtf8IsRefusedAnywhere) {
  // clang-format off
  for (const auto bytes :
       {"\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc0\xaf"sv, "\xc1\xbf"sv, "\xc3"sv, "\xc3("sv, "\xe0\x80\x80"sv,
        "\xe0\x9f\xbf"sv, "\xe2\x82"sv, "\xe2("sv, "\xe2\x28\xa1"sv, "\xed\xa0\x80"sv, "\xed\xbf\xbf"sv,
        "\xf0\x80\x80\x80"sv, "\xf0\x8f\xbf\xbf"sv, "\xf0\x9f\x98"sv, "\xf0\x28\x8c\xbc"sv, "\xf4\x90\x80\x80"sv,
        "\xf5\x80\x80\x80"sv, "\xf8\x88\x80\x80\x80"sv, "\xfe"sv, "\xff"sv, "\xff\xfe"sv}) {
    // clang-format on
    const std::string text(bytes);
    ExpectInvalid("\"" + text + "\"");
    ExpectInvalid("\"a" + text + "z\"");
    ExpectInvalid("{\"" + text + "\":1}");
    ExpectInvalid(text);
    ExpectInvalid("1" + text);
    ExpectInvalid("\"" + std::string(63, 'x') + text + "\"");
  }
}

TEST_P(GrammarOfValues, BrokenLiteralsAndForeignValuesAreRefused) {
  // clang-format off
  for (const auto text :
       {"nul"sv, "nulll"sv, "Null"sv, "NULL"sv, "tru"sv, "truee"sv, "True"sv, "TRUE"sv, "fals"sv, "falsee"sv, "False"sv,
        "t"sv, "n"sv, "f"sv, "undefined"sv, "None"sv, "nil"sv, "true false"sv, "truefalse"sv, "true\"a\""sv,
        "null\x00"sv, "tr\\u0075e"sv, "*"sv, "@"sv, "#1"sv, "/"sv, "//"sv, "/**/"sv, "<a/>"sv, "\x0c"sv, "\x1a"sv,
        "\x0b"sv, "\xc2\xa0"sv, "\xe2\x80\xa8"sv, "\x7f"sv, "\\"sv, "\\n"sv, "=1"sv, "()"sv, "&"sv, "?"sv,
        "new Date()"sv, "1\x0c"sv, "1\x1a"sv, "true\xc2\xa0"sv}) {
    // clang-format on
    ExpectInvalid(text);
  }
  for (const auto text : {"null"sv, "true"sv, "false"sv}) ExpectValid(text);
}

}  // namespace
}  // namespace ei::json
