#pragma once

#include <chrono>

namespace ei::base {

// Durations, timeouts and rates are measured with the steady clock; wall time is only for people and other
// systems to read. Only the adapters of base/clock.h read these clocks.
//
// The steady clock starts when the machine starts, but a steady time may be before that: events that a
// previous process accepted have such times. So the count of a steady time may be negative, and no value can
// be used as "older than all others".
using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

}  // namespace ei::base
