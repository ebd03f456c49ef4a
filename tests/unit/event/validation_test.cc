#include "event/validation.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "support/events.h"

namespace ei {
namespace {

DecodedEvent ValidEvent() {
  static const std::string json = R"({"id":"1","type":"t","timestamp":"2026-01-31T12:00:00Z"})";
  return support::EventWithId(json, "1");
}

EventFault ValidateWithDefaults(const DecodedEvent& event) { return Validate(event, EventLimits{}); }

TEST(Validation, FaultFromTheDecoderComesFirst) {
  for (const EventFault fault : {EventFault::kMalformedJson, EventFault::kTooDeep, EventFault::kNotAnObject,
                                 EventFault::kDuplicateMember, EventFault::kEventTooLarge}) {
    DecodedEvent event;  // has no type either
    event.fault = fault;
    EXPECT_EQ(ValidateWithDefaults(event), fault);
  }
}

TEST(Validation, EventOneByteOverTheLimitIsTooLarge) {
  const std::string json(300, ' ');
  DecodedEvent event = ValidEvent();
  EventLimits limits;
  limits.event_bytes_max = 299;
  event.json = std::string_view(json).substr(0, 299);
  EXPECT_EQ(Validate(event, limits), EventFault::kNone);
  event.json = json;
  EXPECT_EQ(Validate(event, limits), EventFault::kEventTooLarge);
}

TEST(Validation, TypeMustBeANonEmptyStringWithinItsLimit) {
  DecodedEvent event = ValidEvent();
  event.type = Member{};
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kMissingType);
  event.type.kind = Member::Kind::kOther;
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kWrongType);
  event.type = support::StringMember("");
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kEmptyType);
  const std::string text(257, 'a');
  event.type = support::StringMember(std::string_view(text).substr(0, 256));
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kNone);
  event.type = support::StringMember(text);
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kTypeTooLong);
}

TEST(Validation, IdMayBeAbsentElseMustBeANonEmptyStringWithinItsLimit) {
  DecodedEvent event = ValidEvent();
  event.id = Member{};
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kNone);
  event.id.kind = Member::Kind::kOther;
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kWrongType);
  event.id = support::StringMember("");
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kWrongType);
  const std::string text(257, 'a');
  event.id = support::StringMember(std::string_view(text).substr(0, 256));
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kNone);
  event.id = support::StringMember(text);
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kIdTooLong);
}

// "\u0061" is one byte of id and six of JSON.
TEST(Validation, LengthIsCountedWithEscapesResolved) {
  const std::string raw(6 * 256, 'x');
  const std::string text(256, 'a');
  DecodedEvent event = ValidEvent();
  event.id = {Member::Kind::kString, text, raw};
  event.type = {Member::Kind::kString, text, raw};
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kNone);
}

TEST(Validation, TimestampMayBeAbsentElseMustBeAnRfc3339String) {
  DecodedEvent event = ValidEvent();
  event.timestamp = Member{};
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kNone);
  event.timestamp.kind = Member::Kind::kOther;
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kWrongType);
  for (const char* text : {"", "now", "1750000000"}) {
    event.timestamp = support::StringMember(text);
    EXPECT_EQ(ValidateWithDefaults(event), EventFault::kBadTimestamp) << text;
  }
}

TEST(Validation, EachFaultHasItsOwnCodeAndAnExplanation) {
  std::set<std::string_view> codes;
  for (const FaultRow& row : kEventFaults) {
    EXPECT_TRUE(codes.insert(row.code).second) << row.code;
    const std::string text = Explain(row.fault, EventLimits{.event_bytes_max = 77});
    EXPECT_FALSE(text.empty()) << row.code;
    EXPECT_EQ(text.find('{'), std::string::npos) << text;
  }
}

TEST(Validation, OffsetsWithoutAColonAreExplained) {
  DecodedEvent event = ValidEvent();
  event.timestamp = support::StringMember("2026-01-31T13:00:00+0100");
  EXPECT_EQ(ValidateWithDefaults(event), EventFault::kBadTimestamp);
  EXPECT_TRUE(Explain(EventFault::kBadTimestamp, EventLimits{}).contains("an offset with a colon"));
}

TEST(Validation, CodesThatClientsActOnAreStable) {
  EXPECT_EQ(Code(EventFault::kMalformedJson), "malformed_json");
  EXPECT_EQ(Code(EventFault::kNotAnObject), "not_an_object");
  EXPECT_EQ(Code(EventFault::kDuplicateMember), "duplicate_member");
  EXPECT_EQ(Code(EventFault::kMissingType), "missing_type");
  EXPECT_EQ(Code(EventFault::kEmptyType), "empty_type");
  EXPECT_EQ(Code(EventFault::kWrongType), "wrong_type");
  EXPECT_EQ(Code(EventFault::kTypeTooLong), "type_too_long");
  EXPECT_EQ(Code(EventFault::kIdTooLong), "id_too_long");
  EXPECT_EQ(Code(EventFault::kBadTimestamp), "bad_timestamp");
}

TEST(Validation, ExplanationNamesTheLimit) {
  EXPECT_EQ(Explain(EventFault::kEventTooLarge, {.event_bytes_max = 111}),
            "the event is over 111 bytes (ingest.event_bytes_max)");
  EXPECT_EQ(Explain(EventFault::kIdTooLong, {}), "\"id\" is over 256 bytes");
  EXPECT_EQ(Explain(EventFault::kTypeTooLong, {}), "\"type\" is over 256 bytes");
}

}  // namespace
}  // namespace ei
