#include "adapters/auth/jwt_json.h"

#include <gtest/gtest.h>

#include <string>

#include "support/thread_time.h"

namespace ei::auth {
namespace {

using namespace std::string_literals;

TEST(JwtJson, AnObjectIsReadWithItsMembers) {
  const auto object = ReadJsonObject(R"( {"a": "text", "b": [1, {"a": null}], "": 2.5e3} )");
  ASSERT_TRUE(object.has_value());
  EXPECT_EQ(StringMember(*object, "a"), "text");
  EXPECT_EQ(StringMember(*object, "b"), std::nullopt);
  EXPECT_EQ(StringMember(*object, "c"), std::nullopt);
  EXPECT_EQ((*object)[""], 2500);
}

TEST(JwtJson, OnlyOneWholeObjectIsRead) {
  for (const std::string& text : {""s,
                                  " "s,
                                  "[]"s,
                                  "\"{}\""s,
                                  "{"s,
                                  "}"s,
                                  "[]"s,
                                  "null"s,
                                  "1"s,
                                  R"("{}")"s,
                                  "{} {}"s,
                                  "{}x"s,
                                  "{}\0"s,
                                  "{\"a\":1}\0{}"s,
                                  "\0{}"s,
                                  "\xef\xbb\xbf{}"s,
                                  "{'a':1}"s,
                                  "{a:1}"s,
                                  R"({"a":1,})"s,
                                  R"({"a":01})"s,
                                  R"({"a":NaN})"s,
                                  R"({"a":1e999})"s,
                                  "{\"a\":\"\xff\"}"s,
                                  "{\"a\":\"\xed\xa0\x80\"}"s,
                                  R"({"a":"\ud800"})"s,
                                  "{\"a\":\"\n\"}"s,
                                  "{/**/}"s}) {
    EXPECT_FALSE(ReadJsonObject(text).has_value()) << text;
  }
}

TEST(JwtJson, AMemberThatIsThereTwiceIsRejected) {
  EXPECT_FALSE(ReadJsonObject(R"({"exp":1,"exp":1})").has_value());
  EXPECT_FALSE(ReadJsonObject(R"({"exp":1,"a":0,"\u0065xp":2})").has_value()) << "the same name, escaped";
  EXPECT_FALSE(ReadJsonObject(R"({"a":[{"b":1,"b":2}]})").has_value());
  EXPECT_TRUE(ReadJsonObject(R"({"a":{"a":{"a":1}},"A":1,"b":[{"a":1},{"a":1}]})").has_value());
}

TEST(JwtJson, NestingIsBounded) {
  const auto nested = [](size_t depth) {
    return R"({"a":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(ReadJsonObject(nested(16)).has_value());
  EXPECT_FALSE(ReadJsonObject(nested(17)).has_value());
  EXPECT_FALSE(ReadJsonObject(R"({"a":)" + std::string(1'000'000, '[')).has_value());
}

TEST(JwtJson, TheTimeGrowsNoFasterThanTheText) {
  const auto time_of = [](size_t bytes) {
    std::string text = R"({"a":[{})";
    while (text.size() < bytes) text += ",{}";
    text += "]}";
    return support::ThreadTimeOf([&] { EXPECT_TRUE(ReadJsonObject(text).has_value()); });
  };
  time_of(16 * 1024);  // the first one also fills caches
  EXPECT_LT(time_of(256 * 1024), 64 * time_of(16 * 1024)) << "16 times the text";
}

}  // namespace
}  // namespace ei::auth
