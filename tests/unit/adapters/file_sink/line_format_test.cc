#include "adapters/file_sink/line_format.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace ei::file_sink {
namespace {

std::string EventLine(std::string_view value) {
  std::string out = "before ";
  AppendEventLine(out, value);
  return out.substr(7);
}

TEST(EventLine, LineBreaksBetweenTokensBecomeSpaces) {
  EXPECT_EQ(EventLine("{\n\"a\":\r\n1\r}"), "{ \"a\":  1 }\n");
  EXPECT_EQ(EventLine("\n\r"), "  \n");
}

TEST(EventLine, EveryOtherByteIsKept) {
  std::string value;
  for (int repeat = 0; repeat < 3; ++repeat) {  // also across the width of a vector
    for (int byte = 0; byte < 256; ++byte) {
      if (byte != '\n' && byte != '\r') value += static_cast<char>(byte);
    }
  }
  EXPECT_EQ(EventLine(value), value + '\n');
}

TEST(EventLine, EscapedLineBreakStays) { EXPECT_EQ(EventLine(R"({"a":"\n"})"), "{\"a\":\"\\n\"}\n"); }

TEST(EventLine, EmptyValueIsAnEmptyLine) { EXPECT_EQ(EventLine(""), "\n"); }

class DeadLetterLine : public testing::Test {
 protected:
  // The line; checked to be one line of JSON.
  nlohmann::json Line() {
    out_.clear();
    AppendDeadLetterLine(out_, event_, note_);
    EXPECT_EQ(out_.find('\n'), out_.size() - 1) << out_;
    EXPECT_TRUE(nlohmann::json::accept(out_)) << out_;
    return nlohmann::json::parse(out_, nullptr, false);
  }

  EventView event_{R"({"type":"a"})", "k", {}, {}, 0, true};
  DeadLetterNote note_{"too_large", "it is", 4,
                       base::WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) +
                                      std::chrono::hours(12) + std::chrono::milliseconds(123))};
  std::string out_;
};

TEST_F(DeadLetterLine, MembersStandInTheirOrder) {
  Line();
  EXPECT_EQ(out_, R"({"dlq_code":"too_large","dlq_reason":"it is","dlq_attempts":"4",)"
                  R"("dlq_failed_at":"2026-01-31T12:00:00.123Z","key":"k","value":{"type":"a"}})"
                  "\n");
}

TEST_F(DeadLetterLine, NoKeyIsNullAndAnEmptyKeyIsEmpty) {
  event_.has_key = false;
  EXPECT_TRUE(Line()["key"].is_null());
  event_.has_key = true;
  event_.key = "";
  EXPECT_EQ(Line()["key"], "");
}

TEST_F(DeadLetterLine, TopicTraceAndReferenceStandAmongTheHeaders) {
  note_.topic = "events";
  note_.reference = "there:0";
  event_.context.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto line = Line();
  EXPECT_EQ(line["dlq_topic"], "events");
  EXPECT_EQ(line["dlq_reference"], "there:0");
  EXPECT_EQ(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(line["traceparent"], event_.context.traceparent);
}

TEST_F(DeadLetterLine, AKeyThatIsNotUtf8IsWrittenInBase64) {
  event_.key = "\xFF\x01";
  const auto line = Line();
  EXPECT_FALSE(line.contains("key"));
  EXPECT_EQ(line["key_base64"], "/wE=");
}

TEST_F(DeadLetterLine, AValueThatWouldBreakTheLineIsWrittenInBase64) {
  for (const std::string& value : {std::string("{\n}"), std::string("{\r}"), std::string("\"\0\"", 3)}) {
    event_.value = value;
    const auto line = Line();
    EXPECT_FALSE(line.contains("value"));
    EXPECT_EQ(line["value_base64"], base::EncodeBase64(value));
  }
}

TEST_F(DeadLetterLine, EveryAsciiCharacterSurvivesInKeyAndReason) {
  std::string text;
  for (char c = 0; c < 127; ++c) text += c;
  text += '\x7f';
  event_.key = text;
  note_.reason = text;
  const auto line = Line();
  EXPECT_EQ(line["key"], text);
  EXPECT_EQ(line["dlq_reason"], text);
}

TEST_F(DeadLetterLine, Utf8SurvivesAtItsBounds) {
  for (const char* text : {"\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    event_.key = text;
    EXPECT_EQ(Line()["key"], text);
  }
}

TEST_F(DeadLetterLine, BytesThatAreNotUtf8BecomeReplacements) {
  const std::string replaced = "\xEF\xBF\xBD";
  const std::pair<const char*, size_t> cases[] = {
      {"\x80", 1},
      {"\xC0\xAF", 2},
      {"\xC2", 1},
      {"\xE0\x9F\xBF", 3},
      {"\xED\xA0\x80", 3},
      {"\xE2\x82", 1},
      {"\xF0\x8F\x80\x80", 4},
      {"\xF4\x90\x80\x80", 4},
      {"\xF5\x80\x80\x80", 4},
      {"\xFF", 1},
  };
  for (const auto& [bytes, count] : cases) {
    const std::string text = std::string("a") + bytes + "b";
    note_.reason = text;
    std::string wanted = "a";
    for (size_t i = 0; i < count; ++i) wanted += replaced;
    EXPECT_EQ(Line()["dlq_reason"], wanted + "b");
  }
}

}  // namespace
}  // namespace ei::file_sink
