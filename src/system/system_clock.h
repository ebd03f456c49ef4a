#pragma once

#include "base/clock.h"

namespace ei::system {

// The steady clock and the system clock of this machine. Thread-safe.
class SystemClock final : public Clock {
 public:
  base::SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  base::WallTime WallNow() const override { return std::chrono::system_clock::now(); }
};

}  // namespace ei::system
