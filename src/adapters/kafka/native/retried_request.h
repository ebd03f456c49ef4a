#pragma once

#include <cstdint>

#include "base/time.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

// A request that is repeated, after growing pauses, until its answer is of use.
struct RetriedRequest {
  bool pending = false;         // it isn't answered
  uint32_t failures = 0;        // answers of no use, in a row
  base::SteadyTime not_before;  // of the next one

  // The answer was of no use.
  void Delay(const RetryPolicy& policy, base::SteadyTime now, uint64_t random) {
    not_before = now + policy.Delay(++failures, random);
  }
};

// The request for metadata, which is also made when something seems to have changed.
struct MetadataRequest : RetriedRequest {
  bool needed = true;
  uint64_t sent = 0;             // number of requests so far
  base::SteadyTime answered_at;  // the last one
};

}  // namespace ei::kafka::native
