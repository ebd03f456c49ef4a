#include "event/validation.h"

#include "event/timestamp.h"

namespace ei {

namespace {

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
    case EventFault::kTooLargeForTopic: return "too_large_for_topic";
    case EventFault::kPartitionStuck: return "partition_stuck";
  }
  return "none";
}

std::string Explain(EventFault fault, const EventLimits& limits) {
  switch (fault) {
    case EventFault::kNone: return "nothing is wrong";
    case EventFault::kMalformedJson:
      return "the event is not valid JSON in UTF-8 without a byte order mark (BOM)";
    case EventFault::kTooDeep: return "the JSON is nested too deeply (ingest.depth_max)";
    case EventFault::kNotAnObject: return "an event must be a JSON object";
    case EventFault::kDuplicateMember: return "the event has a duplicate member name at its top level";
    case EventFault::kMissingType: return "the event has no \"type\"; it must be a non-empty string";
    case EventFault::kEmptyType: return "\"type\" is empty; it must be a non-empty string";
    case EventFault::kWrongType:
      return "\"id\" and \"type\" must be non-empty strings, \"timestamp\" a string in RFC 3339 form";
    case EventFault::kTypeTooLong:
      return "\"type\" is over " + std::to_string(limits.type_bytes_max) + " bytes (ingest.type_bytes_max)";
    case EventFault::kIdTooLong:
      return "\"id\" is over " + std::to_string(limits.id_bytes_max) + " bytes (ingest.id_bytes_max)";
    case EventFault::kBadTimestamp:
      return "\"timestamp\" is not a date-time of RFC 3339, such as 2026-01-31T12:00:00Z or "
             "2026-01-31T13:00:00+01:00: \"T\" between date and time, then \"Z\" or an offset with a colon";
    case EventFault::kEventTooLarge:
      return "the event is over " + std::to_string(limits.event_bytes_max) +
             " bytes (ingest.event_bytes_max)";
    case EventFault::kTooLargeForTopic: return "the event is larger than its topic accepts";
    case EventFault::kPartitionStuck:
      return "the partition of the event is not accepting events at present, and too many events are waiting "
             "already; send the event again later";
  }
  return {};
}

}  // namespace ei
