#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "event/routes.h"

namespace ei {

// A top-level member of an event that has a meaning of its own, as the decoder found it.
struct Member {
  enum class Kind : uint8_t { kAbsent, kString, kOther };
  Kind kind = Kind::kAbsent;
  std::string_view text;  // the string with its escapes resolved
  std::string_view raw;   // the same between its quotes, as the client wrote it
};

// Why an event can't be accepted. Each has a stable code that clients may act on.
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
  kPartitionStuck,  // not now: its partition takes nothing at present
};
inline constexpr size_t kEventFaultCount = 14;

// One event as the decoder read it: views into the request's bytes (or the decoder's scratch) that live as
// long as the request is being handled. Nothing in it has been judged but `fault`, which is what the grammar
// itself forbids.
struct DecodedEvent {
  std::string_view json;  // the client's bytes from '{' to '}'
  Member id;
  Member type;
  Member timestamp;
  Member source;                        // as in CloudEvents; whatever it is, it is passed on
  const Route* route = &kDefaultRoute;  // never null; of an event without a type, the default one
  std::string_view key;                 // what the route's key pointer led to; without one, unused
  bool has_key = false;
  EventFault fault = EventFault::kNone;
  uint32_t index = 0;   // place in the request, from 0
  uint32_t line = 0;    // NDJSON: line from 1; else 0
  uint64_t offset = 0;  // NDJSON: byte in the body at which the line begins or the fault lies
};

// What an event may measure at most, in bytes; id and type without quotes and with escapes resolved.
struct EventLimits {
  size_t event_bytes_max = 1'000'000;
  size_t id_bytes_max = 256;
  size_t type_bytes_max = 256;
};

}  // namespace ei
