#pragma once

#include <atomic>

#include "base/clock.h"

namespace ei::telemetry {

// A clock that doesn't move until the test moves it; both times move together. Thread-safe.
class SetClock final : public Clock {
 public:
  explicit SetClock(base::WallTime wall = base::WallTime(std::chrono::seconds(1'770'000'000)))
      : start_(wall) {}

  base::SteadyTime Now() const override { return base::SteadyTime(kSteadyStart + passed_.load()); }
  base::WallTime WallNow() const override { return start_ + passed_.load(); }
  void Pass(base::Duration duration) { passed_ = passed_.load() + duration; }

 private:
  static constexpr base::Duration kSteadyStart = std::chrono::hours(1);
  const base::WallTime start_;
  std::atomic<base::Duration> passed_{base::Duration(0)};
};

}  // namespace ei::telemetry
