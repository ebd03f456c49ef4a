#include "adapters/wal/last_frame_copy.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "adapters/wal/log_tail.h"

namespace ei::wal {

uint64_t LastFrameCopy::SegmentBytes() const {
  if (!waiting) return 0;
  return kSegmentHeaderBytes + LogTail::RecoveredFrameBytes(waiting->bodies.size(), waiting->end);
}

bool LastFrameCopy::IsIn(uint64_t number, uint64_t durable_end) const {
  if (waiting) return waiting->header.segment == number;
  return written.segment == number && durable_end < written.first_position + written.events;
}

LastFrame LastFrameCopy::Take() {
  assert(waiting);
  LastFrame last = std::move(*waiting);
  waiting.reset();
  written = last.header;
  return last;
}

uint64_t LastFrameCopy::DurableEnd() const {
  return std::max(written.first_position + written.events, found_end);
}

}  // namespace ei::wal
