#include "adapters/file_sink/dead_letter_line.h"

#include <gtest/gtest.h>

#include "adapters/file_sink/line_format.h"
#include "delivery/dead_letter_headers.h"
#include "support/random.h"

namespace ei::file_sink {
namespace {

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string LineOf(const EventView& event, const DeadLetterNote& note) {
  std::string line;
  AppendDeadLetterLine(line, event, note);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  line.pop_back();
  return line;
}

TEST(DeadLetterLineRead, EverythingComesBack) {
  const EventView event{R"({"a": 1e999, "b":"}\""} )", "order \"17\"\x01", {}, {"orders", kTrace}, 0, true};
  const DeadLetterNote note{"message_too_large", "why\n\\", 4, {}, "events", "dead-letters-1.ndjson:0"};
  const auto dead_letter = ParseDeadLetterLine(LineOf(event, note));
  ASSERT_TRUE(dead_letter.has_value());
  EXPECT_EQ(dead_letter->key, event.key);
  EXPECT_EQ(dead_letter->value, event.value);
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : DeadLetterHeaders(note, event.context)) headers.emplace_back(name, value);
  EXPECT_EQ(dead_letter->headers, headers);
}

TEST(DeadLetterLineRead, NoKeyAndAnEmptyKeyAreTwoThings) {
  EventView event{"{}", "", {}, {}, 0, false};
  EXPECT_EQ(ParseDeadLetterLine(LineOf(event, {}))->key, std::nullopt);
  event.has_key = true;
  EXPECT_EQ(ParseDeadLetterLine(LineOf(event, {}))->key, "");
}

TEST(DeadLetterLineRead, RandomKeysAndValuesComeBackByteForByte) {
  constexpr uint64_t kSeed = 7;
  SCOPED_TRACE(kSeed);
  support::Random random(kSeed);
  const auto bytes = [&] {
    const bool any = random.OneIn(2);
    std::string text(random.Below(40), '\0');
    for (char& c : text)
      c = any ? static_cast<char>(random.Below(256)) : "{}[]\":,\\x \n\r"[random.Below(12)];
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = bytes();
    const std::string value = bytes();
    const auto dead_letter =
        ParseDeadLetterLine(LineOf({value, key, {}, {}, 0, true}, {"code", "r", 1, {}, "t"}));
    ASSERT_TRUE(dead_letter.has_value());
    ASSERT_EQ(dead_letter->key, key);
    ASSERT_EQ(dead_letter->value, value);
  }
}

TEST(DeadLetterLineRead, OtherLinesAreRejected) {
  const std::string good = LineOf({"{}", "k", {}, {}, 0, true}, {"code", "r", 1, {}, "t"});
  for (size_t size = 0; size + 1 < good.size(); ++size) {
    const auto dead_letter = ParseDeadLetterLine(good.substr(0, size));
    EXPECT_FALSE(dead_letter.has_value()) << good.substr(0, size);
  }
  for (const char* line :
       {"", "{}", "[]", "{\"value\":", "{\"a\":1,\"value\":{}}", "{\"key\":null,\"value_base64\":\"?\"}",
        "{\"key_base64\":\"?\",\"value\":1}", "{\"a\":\"\\u0041\",\"value\":1}",
        "{\"a\":\"\\n\",\"value\":1}", "{\"key\":null \"value\":1}", "{\"value_base64\":\"\",\"a\":\"\"}"}) {
    EXPECT_FALSE(ParseDeadLetterLine(line).has_value()) << line;
  }
}

TEST(DeadLetterLineRead, ALineOfMembersWithoutEndIsRejected) {
  std::string line = "{";
  for (int i = 0; i < 1000; ++i) line += "\"a\":\"\",";
  EXPECT_FALSE(ParseDeadLetterLine(line + "\"value\":1}").has_value());
}

}  // namespace
}  // namespace ei::file_sink
