#include "adapters/telemetry/json_line.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace ei::telemetry {
namespace {

using nlohmann::json;
using std::string_view_literals::operator""sv;

constexpr base::WallTime kTime(std::chrono::milliseconds(1'767'225'599'042));

json Parsed(const std::string& line) {
  EXPECT_EQ(line.find('\n'), std::string::npos);
  json parsed = json::parse(line, nullptr, false);
  EXPECT_FALSE(parsed.is_discarded()) << line;
  return parsed;
}

std::string Text(std::string_view value) {
  const LogField fields[] = {{"f", value}};
  return Parsed(JsonLine(kTime, LogLevel::kInfo, "test", "hello", fields))["f"];
}

TEST(JsonLine, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  const std::pair<std::string, std::string> cases[] = {
      {"a\xFFz", "a\uFFFDz"},
      {"a\x80z", "a\uFFFDz"},                                // a continuation with nothing to continue
      {"a\xC0\xAFz", "a\uFFFD\uFFFDz"},                      // an overlong form of '/'
      {"a\xE0\x80\xAFz", "a\uFFFD\uFFFD\uFFFDz"},            // a longer one
      {"a\xED\xA0\x80z", "a\uFFFD\uFFFD\uFFFDz"},            // a surrogate
      {"a\xF4\x90\x80\x80z", "a\uFFFD\uFFFD\uFFFD\uFFFDz"},  // above U+10FFFF
      {"a\xF0\x9F\x98z", "a\uFFFDz"},                        // incomplete: one for its bytes
      {"a\xE2\x82", "a\uFFFD"},                              // incomplete at the end
      {"\xC3\"", "\uFFFD\""},                                // the quote is no part of it
  };
  for (const auto& [bytes, read] : cases) EXPECT_EQ(Text(bytes), read);
}

TEST(JsonLine, ControlCharactersQuotesAndBackslashesAreEscaped) {
  std::string text;
  for (int c = 0; c < 0x80; ++c) text += static_cast<char>(c);
  text += "\u0080\u009b31m\u00a0";
  EXPECT_EQ(Text(text), text);
  const LogField fields[] = {{"f", std::string_view(text)}};
  const std::string line = JsonLine(kTime, LogLevel::kInfo, "test", "hello", fields);
  for (const char c : line) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  EXPECT_EQ(line.find("\u009b"), std::string::npos) << "a terminal would obey it";
}

TEST(JsonLine, LongTextsAreCutAtACharacterAndEndInAnEllipsis) {
  const std::string fits(kLogTextBytesMax, 'x');
  EXPECT_EQ(Text(fits), fits);
  EXPECT_EQ(Text(fits + "x"), fits + "\u2026");
  const std::string nearly(kLogTextBytesMax - 1, 'x');
  EXPECT_EQ(Text(nearly + "\u00e4" + "tail"), nearly + "\u2026");
  EXPECT_EQ(Text(std::string(1 << 20, '\xFF')).size(), kLogTextBytesMax * 3 + 3);
}

TEST(JsonLine, ADoubleThatJsonCannotWriteIsNull) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const LogField fields[] = {
      {"a", kInfinity}, {"b", -kInfinity}, {"c", std::numeric_limits<double>::quiet_NaN()}};
  const json line = Parsed(JsonLine(kTime, LogLevel::kInfo, "test", "hello", fields));
  for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(line[name].is_null());
}

TEST(JsonLine, AFieldCannotTakeAnotherOnesName) {
  const LogField fields[] = {{"level", "x"sv}, {"time", "x"sv}, {"component", "x"sv}, {"message", "x"sv}};
  const json line = Parsed(JsonLine(kTime, LogLevel::kError, "test", "hello", fields));
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["message"], "hello");
  EXPECT_EQ(line["message_"], "x");
  EXPECT_EQ(line.size(), 8U);
}

TEST(JsonLine, AnyBytesGiveAValidLine) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    const LogField fields[] = {{bytes, std::string_view(bytes)}};
    const json line = Parsed(JsonLine(kTime, LogLevel::kInfo, bytes, bytes, fields));
    EXPECT_EQ(line["component"], line["message"]);
  }
}

TEST(JsonLine, IsOneObjectWithTheCommonMembersFirst) {
  EXPECT_EQ(
      JsonLine(kTime, LogLevel::kWarn, "kafka", "no broker answers", {}),
      R"({"level":"warn","time":"2025-12-31T23:59:59.042Z","component":"kafka","message":"no broker answers"})");
}

TEST(JsonLine, NumbersKeepTheirDigits) {
  const LogField fields[] = {{"min", std::numeric_limits<int64_t>::min()},
                             {"max", std::numeric_limits<uint64_t>::max()},
                             {"real", 0.1},
                             {"large", 1e300},
                             {"small", std::numeric_limits<double>::denorm_min()},
                             {"yes", true},
                             {"no", false}};
  const json line = Parsed(JsonLine(kTime, LogLevel::kDebug, "test", "hello", fields));
  EXPECT_EQ(line["level"], "debug");
  EXPECT_EQ(line["min"].get<int64_t>(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(line["max"].get<uint64_t>(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(line["real"].get<double>(), 0.1);
  EXPECT_EQ(line["large"].get<double>(), 1e300);
  EXPECT_EQ(line["small"].get<double>(), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(line["yes"], true);
  EXPECT_EQ(line["no"], false);
}

TEST(JsonLine, TextsKeepTheirCharacters) {
  const std::string text = "gr\u00fc\u00dfe \u20ac \U0001F600 \U0010FFFF /";
  EXPECT_EQ(Text(text), text);
}

}  // namespace
}  // namespace ei::telemetry
