#include "journal/drain_rate.h"

#include <algorithm>
#include <cmath>

namespace ei {

namespace {

int64_t WindowOf(base::SteadyTime now) {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
}

}  // namespace

void DrainRate::Settled(uint64_t events, base::SteadyTime now) {
  const int64_t current = WindowOf(now);
  int64_t window = window_.load(std::memory_order_relaxed);
  if (current > window && window_.compare_exchange_strong(window, current, std::memory_order_relaxed)) {
    const uint64_t finished = running_.exchange(0, std::memory_order_relaxed);
    last_.store(current == window + 1 ? finished : 0, std::memory_order_relaxed);
  }
  running_.fetch_add(events, std::memory_order_relaxed);
}

double DrainRate::PerSecond(base::SteadyTime now) const {
  const int64_t age = WindowOf(now) - window_.load(std::memory_order_relaxed);
  const uint64_t running = running_.load(std::memory_order_relaxed);
  if (age > 1) return 0;
  const double into_window =
      std::chrono::duration<double>(now.time_since_epoch()).count() - static_cast<double>(WindowOf(now));
  if (age == 1) return static_cast<double>(running) / (1 + into_window);
  return static_cast<double>(last_.load(std::memory_order_relaxed) + running) / (1 + into_window);
}

std::chrono::seconds DrainRate::RetryAfter(uint64_t backlog, base::SteadyTime now) const {
  constexpr double kLongest = 30;
  const double rate = PerSecond(now);
  const double wait = rate > 0 ? static_cast<double>(backlog) / 2 / rate : kLongest;
  return std::chrono::seconds(static_cast<int64_t>(std::clamp(std::ceil(wait), 1.0, kLongest)));
}

}  // namespace ei
