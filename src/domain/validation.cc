#include "domain/validation.h"

#include <array>
#include <cstdint>

namespace ei::domain {

namespace {

// Reads exactly `digits` decimal digits from the front of `text`; -1 when they aren't there.
int TakeNumber(std::string_view& text, size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeChar(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

int DaysIn(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[static_cast<size_t>(month - 1)];
}

EventFault CheckString(const Member& member) {
  return member.kind == Member::Kind::kOther ? EventFault::kWrongType : EventFault::kNone;
}

}  // namespace

EventFault Validate(const DecodedEvent& event, const EventLimits& limits) {
  if (event.fault != EventFault::kNone) return event.fault;
  if (event.json.size() > limits.event_bytes_max) return EventFault::kEventTooLarge;
  if (event.type.kind == Member::Kind::kAbsent) return EventFault::kMissingType;
  for (const Member* member : {&event.id, &event.type, &event.timestamp}) {
    if (const EventFault fault = CheckString(*member); fault != EventFault::kNone) return fault;
  }
  if (event.type.text.empty()) return EventFault::kEmptyType;
  if (event.type.text.size() > limits.type_bytes_max) return EventFault::kTypeTooLong;
  if (event.id.kind == Member::Kind::kString) {
    if (event.id.text.empty()) return EventFault::kWrongType;
    if (event.id.text.size() > limits.id_bytes_max) return EventFault::kIdTooLong;
  }
  if (event.timestamp.kind == Member::Kind::kString && !IsRfc3339(event.timestamp.text)) {
    return EventFault::kBadTimestamp;
  }
  return EventFault::kNone;
}

bool IsRfc3339(std::string_view text) {
  const int year = TakeNumber(text, 4);
  if (year < 0 || !TakeChar(text, '-')) return false;
  const int month = TakeNumber(text, 2);
  if (month < 1 || month > 12 || !TakeChar(text, '-')) return false;
  const int day = TakeNumber(text, 2);
  if (day < 1 || day > DaysIn(year, month)) return false;
  if (!TakeChar(text, 'T') && !TakeChar(text, 't')) return false;
  const int hour = TakeNumber(text, 2);
  if (hour < 0 || hour > 23 || !TakeChar(text, ':')) return false;
  const int minute = TakeNumber(text, 2);
  if (minute < 0 || minute > 59 || !TakeChar(text, ':')) return false;
  const int second = TakeNumber(text, 2);
  if (second < 0 || second > 60) return false;
  if (TakeChar(text, '.')) {
    if (TakeNumber(text, 1) < 0) return false;
    while (TakeNumber(text, 1) >= 0) {
    }
  }
  int offset_minutes = 0;
  if (!TakeChar(text, 'Z') && !TakeChar(text, 'z')) {
    const bool east = TakeChar(text, '+');
    if (!east && !TakeChar(text, '-')) return false;
    const int offset_hour = TakeNumber(text, 2);
    if (offset_hour < 0 || offset_hour > 23 || !TakeChar(text, ':')) return false;
    const int offset_minute = TakeNumber(text, 2);
    if (offset_minute < 0 || offset_minute > 59) return false;
    offset_minutes = (offset_hour * 60 + offset_minute) * (east ? 1 : -1);
  }
  if (second == 60) {
    constexpr int kDay = 24 * 60;
    if ((hour * 60 + minute - offset_minutes + 2 * kDay) % kDay != kDay - 1) return false;
  }
  return text.empty();
}

std::string_view Code(EventFault fault) {
  switch (fault) {
    case EventFault::kNone: return "none";
    case EventFault::kMalformedJson: return "malformed_json";
    case EventFault::kTooDeep: return "too_deep";
    case EventFault::kNotAnObject: return "not_an_object";
    case EventFault::kDuplicateMember: return "duplicate_member";
    case EventFault::kMissingType: return "missing_type";
    case EventFault::kEmptyType: return "empty_type";
    case EventFault::kWrongType: return "wrong_type";
    case EventFault::kTypeTooLong: return "type_too_long";
    case EventFault::kIdTooLong: return "id_too_long";
    case EventFault::kBadTimestamp: return "bad_timestamp";
    case EventFault::kEventTooLarge: return "event_too_large";
  }
  return "none";
}

std::string Explain(EventFault fault, const EventLimits& limits) {
  switch (fault) {
    case EventFault::kNone: return "nothing is wrong";
    case EventFault::kMalformedJson: return "this is not valid JSON";
    case EventFault::kTooDeep: return "the JSON is nested too deeply (ingest.depth_max)";
    case EventFault::kNotAnObject: return "an event must be a JSON object";
    case EventFault::kDuplicateMember: return "a member stands twice at the top level of the event";
    case EventFault::kMissingType: return "the event has no \"type\"; it must be a non-empty string";
    case EventFault::kEmptyType: return "\"type\" is empty; it must be a non-empty string";
    case EventFault::kWrongType:
      return "\"id\" and \"type\" must be non-empty strings, \"timestamp\" a string in RFC 3339 form";
    case EventFault::kTypeTooLong:
      return "\"type\" is over " + std::to_string(limits.type_bytes_max) + " bytes (ingest.type_bytes_max)";
    case EventFault::kIdTooLong:
      return "\"id\" is over " + std::to_string(limits.id_bytes_max) + " bytes (ingest.id_bytes_max)";
    case EventFault::kBadTimestamp:
      return "\"timestamp\" is not a date-time of RFC 3339, such as 2026-01-31T12:00:00Z";
    case EventFault::kEventTooLarge:
      return "the event is over " + std::to_string(limits.event_bytes_max) +
             " bytes (ingest.event_bytes_max)";
  }
  return {};
}

}  // namespace ei::domain
