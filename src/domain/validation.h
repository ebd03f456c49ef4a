#pragma once

#include <string>
#include <string_view>

#include "domain/event.h"

namespace ei::domain {

// The first rule that `event` breaks, or kNone.
EventFault Validate(const DecodedEvent& event, const EventLimits& limits);

// True for a date-time of RFC 3339, section 5.6: a real calendar day, second 60 only where a leap second can
// be.
bool IsRfc3339(std::string_view text);

// The stable code, as in "missing_type".
std::string_view Code(EventFault fault);

// What the client did wrong and what would be right, with the limit named.
std::string Explain(EventFault fault, const EventLimits& limits);

}  // namespace ei::domain
