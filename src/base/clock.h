#pragma once

#include "base/time.h"

namespace ei {

// The only source of time for the pipeline; the simulator's is virtual. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual base::SteadyTime Now() const = 0;
  virtual base::WallTime WallNow() const = 0;
};

}  // namespace ei
