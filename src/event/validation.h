#pragma once

#include <string>
#include <string_view>

#include "event/event.h"

namespace ei {

// Returns the first rule that `event` breaks, or kNone.
EventFault Validate(const DecodedEvent& event, const EventLimits& limits);

// Returns a text for the client that says what is wrong and what is valid, with the limit.
std::string Explain(EventFault fault, const EventLimits& limits);

}  // namespace ei
