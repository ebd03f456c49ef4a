#pragma once

#include "base/time.h"

namespace ei {

// The pipeline's only source of time; the simulator implements a virtual clock. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual base::SteadyTime Now() const = 0;
  virtual base::WallTime WallNow() const = 0;
};

}  // namespace ei
