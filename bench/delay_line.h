#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/time.h"

namespace ei::bench {

// Bytes under way in one direction: each piece comes out `delay` after it was put in, in order. As in a
// network, delay doesn't lower throughput: any number of pieces are under way, up to kBytesMax together. One
// thread puts in, another takes out; any may break it.
class DelayLine {
 public:
  // Far above what 1 GB/s puts under way in 50 ms.
  static constexpr std::size_t kBytesMax = std::size_t{64} << 20;

  explicit DelayLine(base::Duration delay) : delay_(delay) {}

  // Waits for room. False once the line is broken.
  bool Put(std::string_view piece);
  // No more pieces come; those under way still come out.
  void End();
  // Waits for the next piece and its time. Empty when the line has ended or is broken.
  std::optional<std::string> Take();
  // What is under way is gone, and nobody waits any more.
  void Break();

 private:
  struct BatchSlice {
    base::SteadyTime due;
    std::string bytes;
  };

  const base::Duration delay_;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<BatchSlice> pieces_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool ended_ GUARDED_BY(mutex_) = false;
  bool broken_ GUARDED_BY(mutex_) = false;
};

}  // namespace ei::bench
