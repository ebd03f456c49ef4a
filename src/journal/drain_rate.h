#pragma once

#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace ei {

// Measures how fast the journal drains, for the Retry-After of a rejected request. Counts settled events in
// windows of one second; the rate covers the last complete window and the current one. Thread-safe.
class DrainRate {
 public:
  void Settled(uint64_t events, base::SteadyTime now);

  // Events per second over the last one to two seconds; 0 if no event was settled in that time.
  double PerSecond(base::SteadyTime now) const;

  // The estimated time until half of `backlog` is settled, in whole seconds, from 1 s to 30 s. 30 s while no
  // event is settled.
  std::chrono::seconds RetryAfter(uint64_t backlog, base::SteadyTime now) const;

 private:
  std::atomic<int64_t> window_{0};    // start of the current window, in whole seconds of the steady clock
  std::atomic<uint64_t> running_{0};  // events settled in the current window
  std::atomic<uint64_t> last_{0};     // events settled in the window before it
};

}  // namespace ei
