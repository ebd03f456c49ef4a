#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace ei {

// A token bucket as the Generic Cell Rate Algorithm (ITU-T I.371, annex A): instead of a count of tokens and
// a time of last refill it keeps one number, the theoretical arrival time (TAT) at which the bucket would be
// full again. The bucket holds `burst` tokens and gains `rate` a second; tokens = burst - max(0, TAT - now) *
// rate.
//
// A batch larger than the burst is admitted when the bucket is full and leaves it in debt, so that the
// long-term rate holds and no batch is refused for ever.
//
// Thread-safe and lock-free: one compare-and-swap a decision. Time is a parameter and may run backwards
// between threads by a little; that costs no tokens.
class TokenBucket {
 public:
  // `rate` in tokens per second; 0 means no limit. `burst` in tokens, at least 1.
  TokenBucket(double rate, double burst);

  struct Decision {
    bool admitted;
    base::Duration retry_after;  // refused: when the same request would be admitted if nobody else came
    double remaining;            // tokens left, not below 0
  };

  // `keep`: tokens that have to be left in the bucket, as far as it is large enough for both.
  Decision TryTake(uint64_t tokens, base::SteadyTime now, double keep = 0);

  // Takes the tokens whether they are there or not. The bucket is full again after `debt_max` and the time
  // that an empty one takes, at the latest.
  void Charge(uint64_t tokens, base::SteadyTime now, base::Duration debt_max = std::chrono::hours(24 * 365));

  // Not beside the other calls.
  void Refill() { tat_.store(0, std::memory_order_relaxed); }

  // What TryTake would decide, without taking.
  Decision Peek(base::SteadyTime now, uint64_t tokens = 1, double keep = 0) const;

  bool Unlimited() const { return nanos_per_token_ == 0; }
  double Burst() const { return burst_; }

 private:
  // How long the tokens take to come in.
  int64_t NanosOf(uint64_t tokens) const;
  Decision Decide(uint64_t tokens, double keep, int64_t now, int64_t tat, int64_t& next_tat) const;

  const double nanos_per_token_;
  const double burst_;
  std::atomic<int64_t> tat_{0};  // steady clock, nanoseconds
};

}  // namespace ei
