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
  if (event.type.text.size() > kTypeBytesMax) return EventFault::kTypeTooLong;
  if (event.id.kind == Member::Kind::kString) {
    if (event.id.text.empty()) return EventFault::kWrongType;
    if (event.id.text.size() > kIdBytesMax) return EventFault::kIdTooLong;
  }
  if (event.timestamp.kind == Member::Kind::kString && !IsRfc3339(event.timestamp.text)) {
    return EventFault::kBadTimestamp;
  }
  return EventFault::kNone;
}

std::string Explain(EventFault fault, const EventLimits& limits) {
  const FaultRow& row = RowOf(fault);
  std::string text(row.message);
  if (row.limit != nullptr) text.replace(text.find("{}"), 2, std::to_string(limits.*row.limit));
  return text;
}

}  // namespace ei
