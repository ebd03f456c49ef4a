#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "base/time.h"

namespace ei::kafka {

// When a partition that has records and delivers none counts as stalled. Its lane must have delivered to
// others meanwhile (native::TopicQueue::Stalled).
struct StallRule {
  base::Duration after = std::chrono::milliseconds(100);
  // For a partition with at least `large_records` records in memory.
  base::Duration after_if_large = std::chrono::milliseconds(100);
  uint64_t large_records = std::numeric_limits<uint64_t>::max();
};

}  // namespace ei::kafka
