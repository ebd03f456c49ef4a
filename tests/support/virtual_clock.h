#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace ei::support {

// Time stands still until the test moves it. Thread-safe, except Reboot.
class VirtualClock final : public ei::Clock {
 public:
  base::SteadyTime Now() const override {
    return base::SteadyTime(base::Duration(nanos_.load() - booted_at_));
  }
  base::WallTime WallNow() const override {
    return base::WallTime(kWallOrigin + base::Duration(nanos_.load()));
  }

  void Advance(base::Duration step) { nanos_ += step.count(); }
  void AdvanceTo(base::SteadyTime time) {
    if (const base::SteadyTime now = Now(); time > now) Advance(time - now);
  }

  // Simulates a reboot: the steady clock starts again, the wall clock goes on.
  void Reboot(base::Duration uptime) { booted_at_ = nanos_ - uptime.count(); }

 private:
  static constexpr base::Duration kWallOrigin = std::chrono::seconds(1'750'000'000);
  int64_t booted_at_ = 0;
  std::atomic<int64_t> nanos_{std::chrono::nanoseconds(std::chrono::hours(1)).count()};
};

// The machine's clocks, for tests that run real threads.
class RealClock final : public ei::Clock {
 public:
  base::SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  base::WallTime WallNow() const override { return std::chrono::system_clock::now(); }
};

}  // namespace ei::support
