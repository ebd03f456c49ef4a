#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/enum_rows.h"

namespace ei {

// The reason why an event can't be accepted.
enum class EventFault : uint8_t {
  kNone,
  kMalformedJson,
  kTooDeep,
  kNotAnObject,
  kDuplicateMember,
  kMissingType,
  kEmptyType,
  kWrongType,
  kTypeTooLong,
  kIdTooLong,
  kBadTimestamp,
  kEventTooLarge,
  kTooLargeForTopic,
  kTypeNotAllowed,
  kTopicNotAllowed,
  kPartitionStuck,
};

enum class FaultKind : uint8_t {
  kInvalid,
  kTooLarge,
  kForbidden,  // the client has no right to send the event
  kTemporary,  // the same event may be accepted later
};

// The largest sizes of an event's id and type in bytes, measured without quotes and with escapes resolved.
inline constexpr size_t kIdBytesMax = 256;
inline constexpr size_t kTypeBytesMax = 256;

// The limits that are settings, in bytes.
struct EventLimits {
  size_t event_bytes_max = 1'000'000;
};

// How clients see a fault.
struct FaultRow {
  EventFault fault;
  FaultKind kind;
  std::string_view code;                  // stable; clients may act on it
  std::string_view message;               // says what is wrong and what is valid; {} stands for the limit
  size_t EventLimits::* limit = nullptr;  // null: the message has none
};

// One row for each fault, in the order of EventFault. Replies and metrics take codes from here;
// docs/API.md lists them for people.
inline constexpr auto kEventFaults = std::to_array<FaultRow>({
    {EventFault::kNone, FaultKind::kInvalid, "none", "nothing is wrong"},
    {EventFault::kMalformedJson, FaultKind::kInvalid, "malformed_json",
     "the event is not valid JSON in UTF-8 without a byte order mark (BOM)"},
    {EventFault::kTooDeep, FaultKind::kInvalid, "too_deep",
     "the JSON is nested too deeply (ingest.depth_max)"},
    {EventFault::kNotAnObject, FaultKind::kInvalid, "not_an_object", "an event must be a JSON object"},
    {EventFault::kDuplicateMember, FaultKind::kInvalid, "duplicate_member",
     "the event has a duplicate member name at its top level"},
    {EventFault::kMissingType, FaultKind::kInvalid, "missing_type",
     "the event has no \"type\"; it must be a non-empty string"},
    {EventFault::kEmptyType, FaultKind::kInvalid, "empty_type",
     "\"type\" is empty; it must be a non-empty string"},
    {EventFault::kWrongType, FaultKind::kInvalid, "wrong_type",
     "\"id\" and \"type\" must be non-empty strings, \"timestamp\" a string in RFC 3339 form"},
    {EventFault::kTypeTooLong, FaultKind::kInvalid, "type_too_long", "\"type\" is over 256 bytes"},
    {EventFault::kIdTooLong, FaultKind::kInvalid, "id_too_long", "\"id\" is over 256 bytes"},
    {EventFault::kBadTimestamp, FaultKind::kInvalid, "bad_timestamp",
     "\"timestamp\" is not a date-time of RFC 3339, such as 2026-01-31T12:00:00Z or "
     "2026-01-31T13:00:00+01:00: \"T\" between date and time, then \"Z\" or an offset with a colon"},
    {EventFault::kEventTooLarge, FaultKind::kTooLarge, "event_too_large",
     "the event is over {} bytes (ingest.event_bytes_max)", &EventLimits::event_bytes_max},
    {EventFault::kTooLargeForTopic, FaultKind::kTooLarge, "too_large_for_topic",
     "the event is larger than its topic accepts"},
    {EventFault::kTypeNotAllowed, FaultKind::kForbidden, "type_not_allowed",
     "the client may not send events of this type"},
    {EventFault::kTopicNotAllowed, FaultKind::kForbidden, "topic_not_allowed",
     "the client may not send events to the topic of this type"},
    {EventFault::kPartitionStuck, FaultKind::kTemporary, "partition_stuck",
     "the partition of the event is not accepting events at present, and too many events are waiting already; "
     "send the event again later"},
});

constexpr const FaultRow& RowOf(EventFault fault) { return kEventFaults[static_cast<size_t>(fault)]; }
constexpr std::string_view Code(EventFault fault) { return RowOf(fault).code; }

static_assert(base::HasRowForEach(kEventFaults, &FaultRow::fault, EventFault::kPartitionStuck));

}  // namespace ei
