#pragma once

#include <cstdint>

#include "base/time.h"

namespace ei {

// The longest wait between two attempts to deliver.
inline constexpr base::Duration kRetryBackoffMax = std::chrono::seconds(10);

// Exponential back-off with full jitter (M. Brooker, "Exponential Backoff and Jitter", 2015): before attempt
// n + 1, wait a random time between 0 and min(cap, base * 2^(n-1)). A pure function: the random number is a
// parameter.
class RetryPolicy {
 public:
  RetryPolicy(base::Duration backoff, base::Duration cap, uint32_t max_retries)
      : backoff_(backoff), cap_(cap), max_retries_(max_retries) {}

  // `failures`: the number of failures so far, from 1. `random`: uniformly distributed over all 64-bit
  // values.
  base::Duration Delay(uint32_t failures, uint64_t random) const;

  // Whether to retry after a failure that the event itself causes.
  bool MayRetry(uint32_t failures) const { return failures <= max_retries_; }

 private:
  base::Duration backoff_;
  base::Duration cap_;
  uint32_t max_retries_;
};

}  // namespace ei
