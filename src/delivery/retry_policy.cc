#include "delivery/retry_policy.h"

#include <algorithm>

namespace ei {

base::Duration RetryPolicy::Delay(uint32_t failures, uint64_t random) const {
  constexpr uint32_t kShiftMax = 30;  // 2^30 times the smallest back-off exceeds every cap
  const uint32_t doublings = std::min(failures - 1, kShiftMax);
  const int64_t base = std::min(backoff_.count(), cap_.count());
  const int64_t ceiling = base > (cap_.count() >> doublings) ? cap_.count() : base << doublings;
  return base::Duration(static_cast<int64_t>(random % (static_cast<uint64_t>(ceiling) + 1)));
}

}  // namespace ei
