#include <gtest/gtest.h>

#include <string>

#include "adapters/json/event_decoder.h"
#include "support/guarded_bytes.h"

namespace ei::json {
namespace {

class EventLines : public ::testing::Test {
 protected:
  DecodedRequest Decode(std::string_view body) { return decoder_->DecodeLines(guarded_.Hold(body)); }

  support::GuardedBytes guarded_{1 << 20};
  std::unique_ptr<EventDecoder> decoder_ = MakeEventDecoder({});
};

TEST_F(EventLines, BadLineLeavesTheOthersAlone) {
  const std::string body =
      "{\"id\":\"1\"}\n{\"id\":tru}\nnonsense\n{\"a\":\"\xff\"}\n[]\n{\"id\":\"6\"}\n{\"a\":\"x\n{\"id\":\"8\"}";
  const auto request = Decode(body);
  EXPECT_EQ(request.fault, DocumentFault::kNone);
  EXPECT_TRUE(request.batch);
  ASSERT_EQ(request.events.size(), 8U);
  const EventFault faults[] = {EventFault::kNone,          EventFault::kMalformedJson,
                               EventFault::kMalformedJson, EventFault::kMalformedJson,
                               EventFault::kNotAnObject,   EventFault::kNone,
                               EventFault::kMalformedJson, EventFault::kNone};
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(request.events[i].fault, faults[i]) << i;
    EXPECT_EQ(request.events[i].index, i);
    EXPECT_EQ(request.events[i].line, i + 1);
  }
  EXPECT_EQ(request.events[0].id.text, "1");
  EXPECT_EQ(request.events[5].id.text, "6");
  EXPECT_EQ(request.events[7].id.text, "8");
}

TEST_F(EventLines, OffsetsPointIntoTheBody) {
  const auto request = Decode("{\"a\":1}\n  {\"a\":01}\n\n{\"a\":1}\n {\"b\" }\n   7\n");
  ASSERT_EQ(request.events.size(), 5U);
  EXPECT_EQ(request.events[0].offset, 0U);
  EXPECT_EQ(request.events[1].offset, 15U) << "the invalid number";
  EXPECT_EQ(request.events[2].offset, 20U);
  EXPECT_EQ(request.events[3].offset, 34U) << "where a colon is expected";
  EXPECT_EQ(request.events[4].offset, 39U);
  EXPECT_EQ(request.events[2].line, 4U) << "blank lines count as lines";
  EXPECT_EQ(request.events[2].index, 2U) << "and not as events";
}

TEST_F(EventLines, BlankLinesArePassedOver) {
  for (const char* body : {"", "\n", "\r\n", "\n\n\n", "  \n\t\n\r\n ", " "}) {
    const auto request = Decode(body);
    EXPECT_EQ(request.fault, DocumentFault::kNone);
    EXPECT_TRUE(request.batch);
    EXPECT_TRUE(request.events.empty()) << body;
  }
}

TEST_F(EventLines, LineEndsMayBeCrLfAndTheLastOneMayBeMissing) {
  const auto request = Decode("{\"id\":\"1\"}\r\n\r\n {\"id\":\"2\"} \r\n{\"id\":\"3\"}");
  ASSERT_EQ(request.events.size(), 3U);
  EXPECT_EQ(request.events[0].json, "{\"id\":\"1\"}");
  EXPECT_EQ(request.events[1].json, "{\"id\":\"2\"}");
  EXPECT_EQ(request.events[1].line, 3U);
  EXPECT_EQ(request.events[2].json, "{\"id\":\"3\"}");
}

TEST_F(EventLines, LoneCarriageReturnEndsNoLine) {
  const auto request = Decode("{\"id\":\"1\"}\r{\"id\":\"2\"}\n");
  ASSERT_EQ(request.events.size(), 1U);
  EXPECT_EQ(request.events[0].fault, EventFault::kMalformedJson);
}

TEST_F(EventLines, TwoEventsOnALineAreRefusedTogether) {
  const auto request = Decode("{}{}\n{} {}\n{},\n{}\n");
  ASSERT_EQ(request.events.size(), 4U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(request.events[i].fault, EventFault::kMalformedJson) << i;
  EXPECT_EQ(request.events[3].fault, EventFault::kNone);
}

TEST_F(EventLines, EventOverSeveralLinesIsManyBadLines) {
  const auto request = Decode("{\n\"id\":\"1\"\n}\n");
  ASSERT_EQ(request.events.size(), 3U);
  for (const auto& event : request.events) EXPECT_EQ(event.fault, EventFault::kMalformedJson);
}

TEST_F(EventLines, DepthLimitIsExactAndLineByLine) {
  DecoderOptions options;
  options.depth_max = 3;
  decoder_ = MakeEventDecoder(options);
  const auto request = Decode("{\"a\":[[]]}\n{\"a\":[[[]]]}\n{\"a\":[[]]}\n");
  ASSERT_EQ(request.events.size(), 3U);
  EXPECT_EQ(request.events[0].fault, EventFault::kNone);
  EXPECT_EQ(request.events[1].fault, EventFault::kTooDeep);
  EXPECT_EQ(request.events[2].fault, EventFault::kNone);
  const auto deep = Decode(std::string(100'000, '[') + "\n{}\n");
  ASSERT_EQ(deep.events.size(), 2U);
  EXPECT_EQ(deep.events[0].fault, EventFault::kTooDeep);
  EXPECT_EQ(deep.events[1].fault, EventFault::kNone);
}

TEST_F(EventLines, LineOverTheEventLimitIsRefusedUnread) {
  DecoderOptions options;
  options.event_bytes_max = 16;
  decoder_ = MakeEventDecoder(options);
  const auto request = Decode("{\"a\":\"78901234\"}\n{\"a\":\"789012345\"}\nnot even JSON, but long\n{}\n");
  ASSERT_EQ(request.events.size(), 4U);
  EXPECT_EQ(request.events[0].fault, EventFault::kNone);
  EXPECT_EQ(request.events[1].fault, EventFault::kEventTooLarge);
  EXPECT_EQ(request.events[1].offset, 17U);
  EXPECT_EQ(request.events[2].fault, EventFault::kEventTooLarge);
  EXPECT_EQ(request.events[3].fault, EventFault::kNone);
}

TEST_F(EventLines, CarriageReturnDoesNotCountTowardsTheLimit) {
  DecoderOptions options;
  options.event_bytes_max = 16;
  decoder_ = MakeEventDecoder(options);
  const auto request = Decode("{\"a\":\"78901234\"}\r\n{\"a\":\"789012345\"}\r\n");
  ASSERT_EQ(request.events.size(), 2U);
  EXPECT_EQ(request.events[0].fault, EventFault::kNone);
  EXPECT_EQ(request.events[1].fault, EventFault::kEventTooLarge);
}

TEST_F(EventLines, EachLineHasItsOwnMembersAndDuplicates) {
  const auto request =
      Decode("{\"a\":1,\"\\u0061\":2}\n{\"a\":1}\n{\"id\":\"\\u0041\",\"type\":\"t\"}\n{\"a\":1}");
  ASSERT_EQ(request.events.size(), 4U);
  EXPECT_EQ(request.events[0].fault, EventFault::kDuplicateMember);
  EXPECT_EQ(request.events[1].fault, EventFault::kNone);
  EXPECT_EQ(request.events[2].id.text, "A");
  EXPECT_EQ(request.events[3].id.kind, Member::Kind::kAbsent);
}

TEST_F(EventLines, TenThousandLinesKeepTheirNumbers) {
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += "{\"id\":\"" + std::to_string(i) + "\"}\n";
  const auto request = Decode(body);
  ASSERT_EQ(request.events.size(), 10'000U);
  for (uint32_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(request.events[i].id.text, std::to_string(i));
    ASSERT_EQ(request.events[i].line, i + 1);
    ASSERT_EQ(request.events[i].json.data() - request.events[0].json.data(),
              static_cast<std::ptrdiff_t>(request.events[i].offset));
  }
}

}  // namespace
}  // namespace ei::json
