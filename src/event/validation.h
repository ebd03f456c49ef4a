#pragma once

#include <string>
#include <string_view>

#include "event/event.h"

namespace ei {

// The first rule that `event` breaks, or kNone.
EventFault Validate(const DecodedEvent& event, const EventLimits& limits);

// The stable code, as in "missing_type".
std::string_view Code(EventFault fault);

// What the client did wrong and what would be right, with the limit named.
std::string Explain(EventFault fault, const EventLimits& limits);

}  // namespace ei
