#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "adapters/json/event_decoder.h"
#include "support/events.h"
#include "support/guarded_bytes.h"

namespace ei::json {
namespace {

// The value in `body` that the pointer's reference tokens lead to.
std::optional<std::string> KeyOf(const std::vector<std::string>& tokens, const std::string& body) {
  const auto decoder = MakeEventDecoder({});
  decoder->UseRoutes(support::KeyedBy(tokens));
  support::GuardedBytes guarded(body.size());
  const auto request = decoder->DecodeDocument(guarded.Hold(body));
  EXPECT_EQ(request.fault, DocumentFault::kNone) << body;
  if (request.events.size() != 1 || !request.events[0].has_key) return std::nullopt;
  return std::string(request.events[0].key);
}

TEST(KeyPointer, MissingMembersGiveNoKey) {
  EXPECT_EQ(KeyOf({"a"}, "{}"), std::nullopt);
  EXPECT_EQ(KeyOf({"a"}, R"({"b":1})"), std::nullopt);
  EXPECT_EQ(KeyOf({"a", "b"}, R"({"a":{}})"), std::nullopt);
  EXPECT_EQ(KeyOf({"a", "b"}, R"({"a":{"c":{"b":1}},"b":2})"), std::nullopt);
  EXPECT_EQ(KeyOf({"a", "b"}, R"({"a":"b"})"), std::nullopt);
  EXPECT_EQ(KeyOf({"a", "b"}, R"({"a":5})"), std::nullopt);
  EXPECT_EQ(KeyOf({"a", "b"}, R"({"a":null})"), std::nullopt);
  EXPECT_EQ(KeyOf({"a", "b", "c"}, R"({"a":{"b":[]}})"), std::nullopt);
}

TEST(KeyPointer, NullObjectsAndArraysAreNoKeys) {
  for (const char* value : {"null", "{}", "[]", R"({"a":"x"})", R"(["x"])"}) {
    EXPECT_EQ(KeyOf({"a"}, R"({"a":)" + std::string(value) + "}"), std::nullopt) << value;
    EXPECT_EQ(KeyOf({"p", "a"}, R"({"p":{"z":0,"a":)" + std::string(value) + "}}"), std::nullopt) << value;
  }
}

TEST(KeyPointer, StringsNumbersAndBooleansAreKeysUnchanged) {
  const struct {
    const char* value;
    const char* key;
  } cases[] = {{R"("user")", "user"}, {R"("")", ""},
               {"42", "42"},          {"-1.50e+3", "-1.50e+3"},
               {"1e999", "1e999"},    {"true", "true"},
               {"false", "false"},    {"123456789012345678901234567890", "123456789012345678901234567890"},
               {R"("a\nb")", "a\nb"}, {R"("\u00e9")", "\xc3\xa9"},
               {R"("null")", "null"}, {" 7 ", "7"},
               {" \"x\" ", "x"}};
  for (const auto& c : cases) {
    EXPECT_EQ(KeyOf({"a"}, R"({"a":)" + std::string(c.value) + "}"), c.key);
    EXPECT_EQ(KeyOf({"p", "a"}, R"({"p":{"b":[1,{"a":0}],"a":)" + std::string(c.value) + R"(,"c":1}})"),
              c.key);
    EXPECT_EQ(KeyOf({"p", "2"}, R"({"p":[0,[1,{}],)" + std::string(c.value) + "]}"), c.key);
  }
}

TEST(KeyPointer, ArrayTokensAreIndexesWithoutLeadingZeros) {
  const std::string body = R"({"a":["x","y","z"]})";
  EXPECT_EQ(KeyOf({"a", "0"}, body), "x");
  EXPECT_EQ(KeyOf({"a", "2"}, body), "z");
  for (const char* token :
       {"3", "00", "01", "-", "-1", "+1", "1.0", "", " 1", "1e0", "99999999999999999999"}) {
    EXPECT_EQ(KeyOf({"a", token}, body), std::nullopt) << token;
  }
  EXPECT_EQ(KeyOf({"a", "1"}, R"({"a":{"1":"by name"}})"), "by name");
}

// The settings have already turned "~1" into "/" and "~0" into "~".
TEST(KeyPointer, TokensMatchNamesWithTheirEscapesResolved) {
  EXPECT_EQ(KeyOf({"a/b"}, R"({"a\/b":"x"})"), "x");
  EXPECT_EQ(KeyOf({"m~n"}, R"({"m~n":"x"})"), "x");
  EXPECT_EQ(KeyOf({"~1"}, R"({"/":"no","~1":"x"})"), "x");
  EXPECT_EQ(KeyOf({"p", "\xc3\xa9"}, R"({"p":{"e":0,"\u00e9":"x"}})"), "x");
  EXPECT_EQ(KeyOf({""}, R"({"":"x"})"), "x");
  EXPECT_EQ(KeyOf({"", ""}, R"({"":{"":"x"}})"), "x");
  EXPECT_EQ(KeyOf({"p", "a"}, R"({"p":{"s":"{\"a\":0}","a":"x"}})"), "x") << "not inside a string";
}

TEST(KeyPointer, MayLeadToTheEventsOwnMembers) {
  EXPECT_EQ(KeyOf({"type"}, R"({"id":"1","type":"t\u0041"})"), "tA");
  EXPECT_EQ(KeyOf({"id"}, R"({"id":5})"), "5");
}

TEST(KeyPointer, DeepestAllowedEventIsFollowedToItsEnd) {
  DecoderOptions options;
  options.depth_max = 50;
  std::string body = R"({"a":)";
  KeyPointer tokens = {"a"};
  for (int i = 0; i < 49; ++i) {
    body += i % 2 == 0 ? R"([0,)" : R"({"b":[],"c":)";
    tokens.push_back(i % 2 == 0 ? "1" : "c");
  }
  body += "\"deep\"";
  for (int i = 48; i >= 0; --i) body += i % 2 == 0 ? "]" : "}";
  body += ",\"z\":[[[1]]]}";
  const auto decoder = MakeEventDecoder(options);
  decoder->UseRoutes(support::KeyedBy(tokens));
  const auto request = decoder->DecodeDocument(body);
  ASSERT_EQ(request.fault, DocumentFault::kNone);
  EXPECT_TRUE(request.events[0].has_key);
  EXPECT_EQ(request.events[0].key, "deep");
}

TEST(KeyPointer, EachEventOfABatchHasItsOwnKey) {
  const auto decoder = MakeEventDecoder({});
  decoder->UseRoutes(support::KeyedBy({"u"}));
  const auto document = decoder->DecodeDocument(R"([{"u":"a"},{},{"u":null},{"u":"\u0062"}])");
  ASSERT_EQ(document.events.size(), 4U);
  EXPECT_EQ(document.events[0].key, "a");
  EXPECT_FALSE(document.events[1].has_key);
  EXPECT_FALSE(document.events[2].has_key);
  EXPECT_EQ(document.events[3].key, "b");
  const auto lines = decoder->DecodeLines("{\"u\":\"a\"}\n{}\n{\"u\":7}");
  ASSERT_EQ(lines.events.size(), 3U);
  EXPECT_EQ(lines.events[0].key, "a");
  EXPECT_FALSE(lines.events[1].has_key);
  EXPECT_EQ(lines.events[2].key, "7");
}

TEST(KeyPointer, EachRouteHasItsOwn) {
  const std::vector<Routes::Rule> rules = {
      {.type = "order.*", .topic = "orders", .key = {KeySource::kPointer, {"order", "id"}}},
      {.type = "order.draft", .topic = "drafts", .key = {KeySource::kNone, {}}},
      {.type = "login", .topic = "", .key = {KeySource::kPointer, {"user"}}},
  };
  const auto decoder = MakeEventDecoder({});
  decoder->UseRoutes(std::make_shared<Routes>(Routes::Rule{}, rules));
  const auto request = decoder->DecodeDocument(
      R"([{"order":{"id":7},"user":"u","type":"order.paid"},{"type":"order.draft","order":{"id":7}},)"
      R"({"type":"login","user":"u","order":{"id":7}},{"type":"other","user":"u"},{"type":"order.paid"}])");
  ASSERT_EQ(request.events.size(), 5U);
  EXPECT_EQ(request.events[0].route->topic, "orders");
  EXPECT_EQ(request.events[0].key, "7") << "although the type comes after it";
  EXPECT_EQ(request.events[1].route->topic, "drafts");
  EXPECT_FALSE(request.events[1].has_key);
  EXPECT_EQ(request.events[2].key, "u");
  EXPECT_EQ(request.events[3].route->key_source, KeySource::kId);
  EXPECT_FALSE(request.events[3].has_key);
  EXPECT_FALSE(request.events[4].has_key) << "not the one of an earlier event";
}

TEST(KeyPointer, ReadingGoesOnBehindTheKey) {
  EXPECT_EQ(KeyOf({"a", "b"}, R"({"a":{"b":"x","c":{}},"type":"t","z":[1,2]})"), "x");
  const auto decoder = MakeEventDecoder({});
  decoder->UseRoutes(support::KeyedBy({"a", "b"}));
  const auto request = decoder->DecodeDocument(R"({"a":{"b":"x"},"type":"t","a":{"b":"y"}})");
  ASSERT_EQ(request.events.size(), 1U);
  EXPECT_EQ(request.events[0].fault, EventFault::kDuplicateMember);
  EXPECT_EQ(request.events[0].type.text, "t");
  EXPECT_EQ(decoder->DecodeDocument(R"({"a":{"b":"x"},"type":tru})").fault, DocumentFault::kMalformed);
}

}  // namespace
}  // namespace ei::json
