#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/time.h"

namespace ei::file_sink {

// Keeps a fault that repeats from flooding the log: one line a minute, which tells how many there were since
// the one before. Not thread-safe.
class RepeatLimit {
 public:
  static constexpr base::Duration kInterval = std::chrono::minutes(1);

  // Counts one. When it is time for a line: how many there were since the last line, this one included.
  std::optional<uint64_t> Count(base::SteadyTime now) {
    ++count_;
    if (last_ && now - *last_ < kInterval) return std::nullopt;
    last_ = now;
    return std::exchange(count_, 0);
  }

 private:
  std::optional<base::SteadyTime> last_;
  uint64_t count_ = 0;
};

}  // namespace ei::file_sink
