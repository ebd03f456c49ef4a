#pragma once

#include <chrono>

namespace ei::base {

// Durations, time-outs and rates are measured on the steady clock; wall time is only for what people and
// other systems read. Neither is read outside an adapter of base/clock.h.
//
// A steady time may lie before the machine's start, where that clock begins: what an earlier process accepted
// has one. So its count may be negative, and no steady time is older than all others.
using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

}  // namespace ei::base
