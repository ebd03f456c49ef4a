#pragma once

#include <string>
#include <string_view>

#include "event/event.h"

namespace ei {

// Returns the first rule that `event` breaks, or kNone.
EventFault Validate(const DecodedEvent& event, const EventLimits& limits);

// Returns the stable code of the fault, for example "missing_type".
std::string_view Code(EventFault fault);

// Returns a text for the client that says what is wrong and what is valid, with the limit.
std::string Explain(EventFault fault, const EventLimits& limits);

}  // namespace ei
