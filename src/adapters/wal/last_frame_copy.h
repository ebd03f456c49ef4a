#pragma once

#include <cstdint>
#include <optional>

#include "adapters/wal/recovery.h"
#include "adapters/wal/segment_table.h"
#include "adapters/wal/wal_format.h"

namespace ei::wal {

// The newest commit that the start found, if it may not be on the disk. It is written again into a prepared
// segment: rewriting it in place could tear it. Nothing is appended before it has its place there, and its
// old segment stays until the copy is durable.
//
// A start that finds the commit twice drops the copy, because the original may be the only one on the disk
// (recovery.cc). But the original may also not be on the disk. So the copy is not acknowledged before a
// checkpoint says that it is durable; from then on a start does not drop it.
//
// Not thread-safe.
struct LastFrameCopy {
  enum class Progress : uint8_t {
    kNone,          // there is no copy, or it isn't synced yet
    kSynced,        // synced, but no checkpoint says so yet
    kCheckpointed,  // a checkpoint says that it is durable
  };

  // Size of the segment that the commit needs while it waits: its original segment may have been larger than
  // those that are made now. 0: no commit waits.
  uint64_t SegmentBytes() const;

  // Whether the segment holds the original, and no copy of it is durable yet.
  bool IsIn(uint64_t number, uint64_t durable_end) const;

  // The commit gets its place in a segment now.
  LastFrame Take();

  // Where the durable log ends once the copy is durable.
  uint64_t DurableEnd() const;

  std::optional<LastFrame> waiting;  // for a segment
  FrameHeader written;               // its header, once it has a segment again
  SegmentTable::Key segment;         // the segment in which either was found
  Progress progress = Progress::kNone;
  uint64_t found_end = 0;  // where the log ended at the start
};

}  // namespace ei::wal
