#pragma once

#include "app/ports/clock.h"

namespace ei::system {

// The machine's own clocks.
class SystemClock final : public app::Clock {
 public:
  base::SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  base::WallTime WallNow() const override { return std::chrono::system_clock::now(); }
};

}  // namespace ei::system
