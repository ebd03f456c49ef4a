#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/time.h"

namespace ei::bench {

// Bytes in transit in one direction: each piece comes out `delay` after it was put in, in order. As in a
// network, the delay doesn't reduce throughput: any number of pieces can be in transit, up to kBytesMax in
// total. One thread puts pieces in, another takes them out; any thread may call Break.
class DelayLine {
 public:
  // Much more than is in transit at 1 GB/s and 50 ms.
  static constexpr std::size_t kBytesMax = std::size_t{64} << 20;

  explicit DelayLine(base::Duration delay) : delay_(delay) {}

  // Blocks until there is space. Returns false once the line is broken.
  bool Put(std::string_view piece);
  // No more pieces will be added; those in transit still come out.
  void End();
  // Blocks until the next piece is due. Returns an empty piece if the line has ended or is broken.
  std::optional<std::string> Take();
  // Drops all pieces in transit and releases both waiting threads.
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
