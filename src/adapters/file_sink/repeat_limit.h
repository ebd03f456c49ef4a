#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/time.h"

namespace ei::file_sink {

// Keeps a repeated fault from flooding the log: it allows one line a minute, which gives the number of faults
// since the previous line. Not thread-safe.
class RepeatLimit {
 public:
  static constexpr base::Duration kInterval = std::chrono::minutes(1);

  // Counts one fault. Returns the number of faults since the last line, including this one, if a line is due;
  // nullopt otherwise.
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
