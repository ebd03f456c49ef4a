#include "adapters/json/event_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/guarded_bytes.h"

namespace ei::json {
namespace {

class EventDecoderTest : public ::testing::Test {
 protected:
  DecodedRequest Decode(std::string_view body) { return decoder_->DecodeDocument(guarded_.Hold(body)); }
  void Use(const DecoderOptions& options) { decoder_ = MakeEventDecoder(options); }

  support::GuardedBytes guarded_{4 << 20};
  std::unique_ptr<EventDecoder> decoder_ = MakeEventDecoder({});
};

std::string Nested(size_t depth, char open = '[', char close = ']') {
  return std::string(depth, open) + std::string(depth, close);
}

TEST_F(EventDecoderTest, MembersAreFoundWithTheirBytes) {
  const std::string body =
      R"( {"payload":{"id":"inner","type":1},"timestamp":"2026-01-31T12:00:00Z","id":"order-7","type":"created"} )";
  const auto request = Decode(body);
  ASSERT_EQ(request.fault, DocumentFault::kNone);
  EXPECT_FALSE(request.batch);
  ASSERT_EQ(request.events.size(), 1U);
  const DecodedEvent& event = request.events[0];
  EXPECT_EQ(event.fault, EventFault::kNone);
  EXPECT_EQ(event.json, std::string_view(body).substr(1, body.size() - 2));
  EXPECT_EQ(event.id.kind, Member::Kind::kString);
  EXPECT_EQ(event.id.text, "order-7");
  EXPECT_EQ(event.id.text.data(), event.id.raw.data()) << "no escapes, so no copy";
  EXPECT_EQ(event.type.text, "created");
  EXPECT_EQ(event.timestamp.text, "2026-01-31T12:00:00Z");
  EXPECT_FALSE(event.has_key);
  EXPECT_EQ(event.line, 0U);
}

TEST_F(EventDecoderTest, MembersThatAreNoStringsAreReported) {
  for (const char* value : {"null", "1", "true", "{}", "[\"a\"]", "{\"id\":\"x\"}"}) {
    const auto request = Decode(R"({"id":)" + std::string(value) + "}");
    ASSERT_EQ(request.events.size(), 1U) << value;
    EXPECT_EQ(request.events[0].id.kind, Member::Kind::kOther) << value;
    EXPECT_EQ(request.events[0].type.kind, Member::Kind::kAbsent) << value;
  }
}

TEST_F(EventDecoderTest, TheSourceIsReadAndWhateverElseItIsIsPassedOn) {
  const auto request = Decode(R"([{"source":"/sh\u006fp"},{"source":{"a":[1]}},{"p":{"source":"x"}}])");
  ASSERT_EQ(request.events.size(), 3U);
  EXPECT_EQ(request.events[0].source.kind, Member::Kind::kString);
  EXPECT_EQ(request.events[0].source.text, "/shop");
  EXPECT_EQ(request.events[1].source.kind, Member::Kind::kOther);
  EXPECT_EQ(request.events[1].fault, EventFault::kNone);
  EXPECT_EQ(request.events[2].source.kind, Member::Kind::kAbsent);
}

TEST_F(EventDecoderTest, MembersBelowTheTopLevelMeanNothing) {
  const auto request = Decode(R"({"p":{"id":"x","type":"t","timestamp":"z","id":"x"}})");
  ASSERT_EQ(request.events.size(), 1U);
  EXPECT_EQ(request.events[0].id.kind, Member::Kind::kAbsent);
  EXPECT_EQ(request.events[0].type.kind, Member::Kind::kAbsent);
  EXPECT_EQ(request.events[0].timestamp.kind, Member::Kind::kAbsent);
  EXPECT_EQ(request.events[0].fault, EventFault::kNone);
}

TEST_F(EventDecoderTest, EscapesAreResolvedInNamesAndValues) {
  const auto request =
      Decode(R"({"\u0069d":"a\u00e9\n\"\\\ud83d\ude00","t\u0079pe":"\u0000","timestam\u0070":"x"})");
  ASSERT_EQ(request.events.size(), 1U);
  const DecodedEvent& event = request.events[0];
  EXPECT_EQ(event.id.text, "a\xc3\xa9\n\"\\\xf0\x9f\x98\x80");
  EXPECT_EQ(event.id.raw, R"(a\u00e9\n\"\\\ud83d\ude00)");
  EXPECT_EQ(event.type.text, std::string_view("\0", 1));
  EXPECT_EQ(event.timestamp.kind, Member::Kind::kString);
}

TEST_F(EventDecoderTest, LongEscapedStringsAreResolvedWhole) {
  for (const size_t size : {0UL, 1UL, 31UL, 32UL, 33UL, 63UL, 64UL, 65UL, 1000UL, 100'000UL}) {
    const std::string letters(size, 'x');
    const auto request = Decode(R"({"id":")" + letters + R"(\n)" + letters + "\"}");
    ASSERT_EQ(request.events.size(), 1U) << size;
    EXPECT_EQ(request.events[0].id.text, letters + "\n" + letters) << size;
  }
}

TEST_F(EventDecoderTest, ResolvedStringsOfEarlierEventsStayValid) {
  std::string body = "[";
  for (int i = 0; i < 1000; ++i) {
    body += (i > 0 ? "," : "") + (R"({"id":"\u0041)" + std::to_string(i) + R"(","t\u0079pe":"\t)") +
            std::string(static_cast<size_t>(i % 50), 'y') + "\"}";
  }
  const auto request = Decode(body + "]");
  ASSERT_EQ(request.events.size(), 1000U);
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(request.events[i].id.text, "A" + std::to_string(i));
    EXPECT_EQ(request.events[i].type.text, "\t" + std::string(i % 50, 'y'));
    EXPECT_EQ(request.events[i].index, i);
  }
}

TEST_F(EventDecoderTest, ArrayElementsKeepTheirBytesAndPlaces) {
  const auto request = Decode("[{\"a\": 1e999 } , 5,\n{\"id\":\"x\"},[],\"s\",null]");
  ASSERT_EQ(request.fault, DocumentFault::kNone);
  EXPECT_TRUE(request.batch);
  ASSERT_EQ(request.events.size(), 6U);
  EXPECT_EQ(request.events[0].json, "{\"a\": 1e999 }");
  EXPECT_EQ(request.events[2].json, "{\"id\":\"x\"}");
  for (const size_t i : {1UL, 3UL, 4UL, 5UL}) {
    EXPECT_EQ(request.events[i].fault, EventFault::kNotAnObject) << i;
    EXPECT_EQ(request.events[i].index, i);
  }
}

TEST_F(EventDecoderTest, EmptyArrayIsABatchOfNothing) {
  const auto request = Decode("[ ]");
  EXPECT_EQ(request.fault, DocumentFault::kNone);
  EXPECT_TRUE(request.batch);
  EXPECT_TRUE(request.events.empty());
}

TEST_F(EventDecoderTest, ScalarDocumentIsNoBatchAndNoEvent) {
  for (const char* body : {"1", "\"a\"", "true", "null"}) {
    const auto request = Decode(body);
    EXPECT_EQ(request.fault, DocumentFault::kNone) << body;
    EXPECT_FALSE(request.batch);
    ASSERT_EQ(request.events.size(), 1U) << body;
    EXPECT_EQ(request.events[0].fault, EventFault::kNotAnObject) << body;
  }
}

TEST_F(EventDecoderTest, FaultNamesItsPlace) {
  const struct {
    const char* body;
    uint64_t offset;
  } cases[] = {{R"({"a":tru})", 5},
               {R"({"a":1,})", 7},
               {R"({"a" 1})", 5},
               {"[1 2]", 3},
               {"{} x", 3},
               {R"({"a":01})", 5},
               {"[1,]", 3},
               {R"({"a":[1,{"b":}]})", 13},
               {"[", 1},
               {R"({"a":"\x"})", 5}};
  for (const auto& c : cases) {
    const auto request = Decode(c.body);
    EXPECT_EQ(request.fault, DocumentFault::kMalformed) << c.body;
    EXPECT_EQ(request.offset, c.offset) << c.body;
    EXPECT_FALSE(request.what.empty()) << c.body;
    EXPECT_TRUE(request.events.empty()) << c.body;
  }
}

TEST_F(EventDecoderTest, OneFaultAnywhereRefusesTheWholeDocument) {
  const auto request = Decode(R"([{"id":"1","type":"t"},{"id":"2","type":"t","p":[1,{"x":tru}]}])");
  EXPECT_EQ(request.fault, DocumentFault::kMalformed);
  EXPECT_TRUE(request.events.empty());
}

TEST_F(EventDecoderTest, DuplicateMembersAreFoundInEverySpelling) {
  for (const char* body :
       {R"({"a":1,"a":2})", R"({"a":1,"\u0061":2})", R"({"\u0061":1,"\u0061":2})",
        R"({"type":"t","type":"t"})", R"({"id":"x","b":1,"i\u0064":"x"})", R"({"":1,"":2})",
        R"({"\/":1,"/":2})", "{\"\xc3\xa9\":1,\"\\u00E9\":2}", R"({"\ud83d\ude00":1,"😀":2})"}) {
    const auto request = Decode(body);
    ASSERT_EQ(request.events.size(), 1U) << body;
    EXPECT_EQ(request.events[0].fault, EventFault::kDuplicateMember) << body;
  }
}

TEST_F(EventDecoderTest, NamesThatOnlyLookAlikeAreNoDuplicates) {
  for (const char* body :
       {R"({"a":1,"A":2})", R"({"a":1,"a ":2})", R"({"\\u0061":1,"a":2})", R"({"":1," ":2})",
        R"({"a":{"a":{"a":1}}})", R"({"p":[{"a":1},{"a":2}],"a":1})", R"({"a":1,"a\u0000":2})"}) {
    const auto request = Decode(body);
    ASSERT_EQ(request.events.size(), 1U) << body;
    EXPECT_EQ(request.events[0].fault, EventFault::kNone) << body;
  }
}

TEST_F(EventDecoderTest, DuplicatesAmongManyMembersAreFound) {
  for (const size_t members : {2UL, 15UL, 16UL, 17UL, 18UL, 100UL, 5000UL}) {
    for (const size_t again : {members, size_t{0}, members / 2, members - 1}) {
      std::string body = "{";
      for (size_t i = 0; i < members; ++i) body += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
      if (again < members)
        body += ",\"\\u003" + std::to_string(again).substr(0, 1) + std::to_string(again).substr(1) + "\":0";
      const auto request = Decode(body + "}");
      ASSERT_EQ(request.events.size(), 1U);
      EXPECT_EQ(request.events[0].fault, again < members ? EventFault::kDuplicateMember : EventFault::kNone)
          << members << " members, again " << again;
    }
  }
}

TEST_F(EventDecoderTest, DuplicateInOneElementLeavesTheOthersAlone) {
  const auto request = Decode(R"([{"a":1},{"a":1,"a":1},{"a":1}])");
  ASSERT_EQ(request.events.size(), 3U);
  EXPECT_EQ(request.events[0].fault, EventFault::kNone);
  EXPECT_EQ(request.events[1].fault, EventFault::kDuplicateMember);
  EXPECT_EQ(request.events[2].fault, EventFault::kNone);
}

TEST_F(EventDecoderTest, DepthLimitIsExactForObjectsArraysAndBatches) {
  DecoderOptions options;
  options.depth_max = 5;
  Use(options);
  const auto event = [](size_t inner) { return R"({"type":"t","p":)" + Nested(inner) + "}"; };
  EXPECT_EQ(Decode(event(4)).fault, DocumentFault::kNone);
  EXPECT_EQ(Decode(event(5)).fault, DocumentFault::kTooDeep);
  EXPECT_EQ(Decode("[" + event(4) + "," + event(4) + "]").fault, DocumentFault::kNone);
  EXPECT_EQ(Decode("[" + event(4) + "," + event(5) + "]").fault, DocumentFault::kTooDeep);
  EXPECT_EQ(Decode(R"({"a":{"a":{"a":{"a":{}}}}})").fault, DocumentFault::kNone);
  EXPECT_EQ(Decode(R"({"a":{"a":{"a":{"a":{"a":1}}}}})").fault, DocumentFault::kNone);
  EXPECT_EQ(Decode(R"({"a":{"a":{"a":{"a":{"a":{}}}}}})").fault, DocumentFault::kTooDeep);
  EXPECT_EQ(Decode(R"({"type":[[[[{}]]]]})").fault, DocumentFault::kTooDeep);
}

TEST_F(EventDecoderTest, DepthIsCountedAnewInSiblingsAndAfterAnAnswer) {
  DecoderOptions options;
  options.depth_max = 3;
  Use(options);
  EXPECT_EQ(Decode(R"({"a":[[]],"b":[[],[],{}],"c":[{}]})").fault, DocumentFault::kNone);
  EXPECT_EQ(Decode(R"({"a":[[[]]]})").fault, DocumentFault::kTooDeep);
  EXPECT_EQ(Decode(R"({"a":[[]]})").fault, DocumentFault::kNone);
  EXPECT_EQ(Decode("[").fault, DocumentFault::kMalformed) << "no longer too deep";
}

TEST_F(EventDecoderTest, DepthOfAHundredThousandIsRefusedNotRecursedInto) {
  for (const char* open : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string body;
    for (int i = 0; i < 100'000; ++i) body += open;
    EXPECT_EQ(Decode(body).fault, DocumentFault::kTooDeep) << open;
    EXPECT_EQ(Decode(R"({"type":"t","p":)" + body).fault, DocumentFault::kTooDeep) << open;
  }
  DecoderOptions options;
  options.depth_max = 200'000;
  Use(options);
  EXPECT_EQ(Decode(R"({"type":"t","p":)" + Nested(100'000) + "}").fault, DocumentFault::kNone);
}

TEST_F(EventDecoderTest, BatchLimitIsExact) {
  DecoderOptions options;
  options.batch_events_max = 3;
  Use(options);
  EXPECT_EQ(Decode("[{},{},{}]").fault, DocumentFault::kNone);
  EXPECT_EQ(Decode("[{},{},{},{}]").fault, DocumentFault::kBatchTooLarge);
  EXPECT_EQ(Decode("[1,2,3,4").fault, DocumentFault::kBatchTooLarge) << "reported at the fourth";
  EXPECT_EQ(Decode("[1,2,3").fault, DocumentFault::kMalformed);
  EXPECT_EQ(decoder_->DecodeLines("{}\n{}\n\n{}\n\n").fault, DocumentFault::kNone);
  EXPECT_EQ(decoder_->DecodeLines("{}\n{}\n{}\nx").fault, DocumentFault::kBatchTooLarge);
  EXPECT_TRUE(decoder_->DecodeLines("{}\n{}\n{}\nx").events.empty());
}

TEST_F(EventDecoderTest, EveryTruncationIsRefusedAndReadsNothingBeyond) {
  const std::string body =
      R"([{"id":"a\u00e9\n","type":"t","timestamp":"2026-01-31T12:00:00Z","p":{"n":[1,-2.5e+10,true,null,{}],)"
      "\"s\":\"\xf0\x9f\x98\x80\\ud83d\\ude00\"}},{\"type\":\"u\"}]";
  ASSERT_EQ(Decode(body).fault, DocumentFault::kNone);
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(Decode(std::string_view(body).substr(0, size)).fault, DocumentFault::kMalformed) << size;
    decoder_->DecodeLines(guarded_.Hold(std::string_view(body).substr(0, size)));
  }
}

TEST_F(EventDecoderTest, LargeDocumentAfterASmallOneAndBack) {
  for (const size_t size : {10UL, 3'000'000UL, 10UL, 5'000UL, 2'000'000UL, 1UL}) {
    const std::string payload(size, 'p');
    const auto request = Decode(R"({"type":"t","p":")" + payload + "\"}");
    ASSERT_EQ(request.events.size(), 1U) << size;
    EXPECT_EQ(request.events[0].json.size(), size + 19) << size;
  }
}

TEST_F(EventDecoderTest, NothingOfAnEarlierRequestIsLeft) {
  Decode(R"([{"id":"a"},{"id":"b"}])");
  EXPECT_TRUE(Decode("[").events.empty());
  const auto request = Decode(R"({"type":"t"})");
  ASSERT_EQ(request.events.size(), 1U);
  EXPECT_EQ(request.events[0].id.kind, Member::Kind::kAbsent);
  EXPECT_FALSE(request.batch);
}

TEST(ScannerName, IsOneThatTheMachineHas) { EXPECT_FALSE(ScannerName().empty()); }

}  // namespace
}  // namespace ei::json
