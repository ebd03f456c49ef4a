#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "event/event_fault.h"
#include "event/routes.h"

namespace ei {

// A top-level member of an event that the service interprets, as the decoder found it.
struct Member {
  enum class Kind : uint8_t { kAbsent, kString, kOther };
  Kind kind = Kind::kAbsent;
  std::string_view text;  // the string with its escapes resolved
  std::string_view raw;   // the string without its quotes, as the client wrote it
};

// One event as the decoder read it. The views point into the request's bytes or into the decoder's scratch
// memory and are valid as long as the request is being handled. `fault` is set only if the decoder itself
// found a fault, such as invalid JSON; Validate() checks all other rules.
struct DecodedEvent {
  std::string_view json;  // the client's bytes from '{' to '}'
  Member id;
  Member type;
  Member timestamp;
  Member source;                        // as in CloudEvents; not validated
  const Route* route = &kDefaultRoute;  // never null; the default route if the event has no type
  std::string_view key;                 // the value that the route's key pointer selects, if has_key
  bool has_key = false;
  EventFault fault = EventFault::kNone;
  uint32_t index = 0;   // index in the request, from 0
  uint32_t line = 0;    // NDJSON: line from 1; else 0
  uint64_t offset = 0;  // NDJSON: byte of the body at which the line begins, or the position of the fault
};

}  // namespace ei
