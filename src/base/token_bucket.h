#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace ei {

// A token bucket that is implemented with the Generic Cell Rate Algorithm (ITU-T I.371, annex A). Instead of
// a token count and the time of the last refill it stores one number, the theoretical arrival time (TAT) at
// which the bucket will be full again. The bucket holds at most `burst` tokens and gains `rate` tokens a
// second; tokens = burst - max(0, TAT - now) * rate.
//
// A batch larger than the burst is admitted when the bucket is full, and leaves the bucket in debt. So the
// long-term rate holds, and no batch is rejected forever.
//
// Thread-safe and lock-free: one compare-and-swap for each decision. The time is a parameter. It may go back
// a little from one thread's call to another's; that costs no tokens.
class TokenBucket {
 public:
  // `rate` in tokens per second; 0 means no limit. `burst` in tokens, at least 1.
  TokenBucket(double rate, double burst);

  struct Decision {
    bool admitted;
    base::Duration retry_after;  // if not admitted: the wait until the same request would be, without others
    double remaining;            // tokens left in the bucket, at least 0
  };

  // `keep`: tokens that have to remain in the bucket. If `tokens` and `keep` together exceed the burst, a
  // full bucket is enough.
  Decision TryTake(uint64_t tokens, base::SteadyTime now, double keep = 0);

  // Takes the tokens even if the bucket doesn't have them; it is then in debt. This call doesn't move the
  // time at which the bucket is full again beyond `now` + `debt_max` + the time in which an empty bucket
  // fills.
  void Charge(uint64_t tokens, base::SteadyTime now, base::Duration debt_max = std::chrono::hours(24 * 365));

  // Fills the bucket. Must not run concurrently with the other calls.
  void Refill() { tat_.store(0, std::memory_order_relaxed); }

  // Returns what TryTake would decide, but takes nothing.
  Decision Peek(base::SteadyTime now, uint64_t tokens = 1, double keep = 0) const;

  // The time in which the bucket gains `tokens`; 0 if it is unlimited.
  base::Duration TimeOf(uint64_t tokens) const { return base::Duration(NanosOf(tokens)); }

  bool Unlimited() const { return nanos_per_token_ == 0; }
  double Burst() const { return burst_; }

 private:
  int64_t NanosOf(uint64_t tokens) const;
  Decision Decide(uint64_t tokens, double keep, int64_t now, int64_t tat, int64_t& next_tat) const;

  const double nanos_per_token_;
  const double burst_;
  std::atomic<int64_t> tat_{0};  // steady clock, nanoseconds
};

}  // namespace ei
