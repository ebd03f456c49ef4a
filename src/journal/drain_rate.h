#pragma once

#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace ei {

// How fast the journal empties, for the Retry-After of a refused request: settled events counted in windows
// of one second, the last whole window and the running one taken together. Thread-safe.
class DrainRate {
 public:
  void Settled(uint64_t events, base::SteadyTime now);

  // Events per second over the last one to two seconds; 0 while nothing settles.
  double PerSecond(base::SteadyTime now) const;

  // When about half of `backlog` will be gone: from 1 s to 30 s, in whole seconds; 30 s while nothing
  // settles.
  std::chrono::seconds RetryAfter(uint64_t backlog, base::SteadyTime now) const;

 private:
  std::atomic<int64_t> window_{0};  // the running window: whole seconds of the steady clock
  std::atomic<uint64_t> running_{0};
  std::atomic<uint64_t> last_{0};
};

}  // namespace ei
