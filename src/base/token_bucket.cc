#include "base/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace ei {

namespace {

constexpr double kDebtMaxNanos = 1e18;  // 30 years; prevents 64-bit overflow at tiny rates

}  // namespace

TokenBucket::TokenBucket(double rate, double burst)
    : nanos_per_token_(rate > 0 ? 1e9 / rate : 0), burst_(std::max(1.0, burst)) {}

int64_t TokenBucket::NanosOf(uint64_t tokens) const {
  return static_cast<int64_t>(
      std::min(std::ceil(static_cast<double>(tokens) * nanos_per_token_), kDebtMaxNanos));
}

TokenBucket::Decision TokenBucket::Decide(uint64_t tokens, double keep, int64_t now, int64_t tat,
                                          int64_t& next_tat) const {
  const double debt = std::max<double>(0, static_cast<double>(tat - now));
  const double capacity = burst_ * nanos_per_token_;
  const auto asked = static_cast<double>(tokens);
  const double needed = std::min(asked + keep, burst_) * nanos_per_token_;
  const double missing = debt + needed - capacity;
  next_tat = std::max(tat, now) + NanosOf(tokens);
  if (missing > 0.5) {  // half a nanosecond, less than the clock's resolution
    return {false, base::Duration(static_cast<int64_t>(std::ceil(std::min(missing, kDebtMaxNanos)))),
            std::max(0.0, (capacity - debt) / nanos_per_token_)};
  }
  return {true, base::Duration(0), std::max(0.0, (capacity - debt) / nanos_per_token_ - asked)};
}

TokenBucket::Decision TokenBucket::TryTake(uint64_t tokens, base::SteadyTime now, double keep) {
  if (Unlimited()) return {true, base::Duration(0), burst_};
  const int64_t now_nanos = now.time_since_epoch().count();
  int64_t tat = tat_.load(std::memory_order_relaxed);
  for (;;) {
    int64_t next_tat;
    const Decision decision = Decide(tokens, keep, now_nanos, tat, next_tat);
    if (!decision.admitted || tat_.compare_exchange_weak(tat, next_tat, std::memory_order_relaxed))
      return decision;
  }
}

void TokenBucket::Charge(uint64_t tokens, base::SteadyTime now, base::Duration debt_max) {
  if (Unlimited()) return;
  const int64_t now_nanos = now.time_since_epoch().count();
  const auto capacity = static_cast<int64_t>(std::min(burst_ * nanos_per_token_, kDebtMaxNanos));
  const int64_t latest = now_nanos + capacity + debt_max.count();
  int64_t tat = tat_.load(std::memory_order_relaxed);
  int64_t next_tat;
  do {
    next_tat = std::max(tat, std::min(std::max(tat, now_nanos) + NanosOf(tokens), latest));
  } while (!tat_.compare_exchange_weak(tat, next_tat, std::memory_order_relaxed));
}

TokenBucket::Decision TokenBucket::Peek(base::SteadyTime now, uint64_t tokens, double keep) const {
  if (Unlimited()) return {true, base::Duration(0), burst_};
  int64_t next_tat;
  return Decide(tokens, keep, now.time_since_epoch().count(), tat_.load(std::memory_order_relaxed), next_tat);
}

}  // namespace ei
