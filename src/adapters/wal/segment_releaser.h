#pragma once

#include <cstdint>
#include <vector>

#include "adapters/wal/checkpoint_saver.h"
#include "adapters/wal/disk.h"
#include "adapters/wal/log_state.h"
#include "adapters/wal/log_tail.h"
#include "adapters/wal/segment_preparer.h"
#include "adapters/wal/segment_table.h"
#include "adapters/wal/wal_role.h"

namespace ei::wal {

// Removes, recycles or quarantines the settled segments.
//
// - A segment's file is removed only after a checkpoint that contains all of its events as settled; a
//   retained segment only when its space is needed.
// - The file of a segment with lost events is quarantined (Quarantine).
// - A client's charge for a segment ends when all of its events are settled. In the segment that is being
//   filled, the space of settled events is charged to no client. So the space that is charged to no client is
//   available.
//
// Used by one thread at a time.
class SegmentReleaser {
 public:
  // The references must outlive this object.
  SegmentReleaser(LogState& state, CheckpointSaver& checkpoints, SegmentPreparer& preparer)
      : state_(state), checkpoints_(checkpoints), preparer_(preparer) {}

  Work Release();

 private:
  void ReleaseShares() REQUIRES(state_.mutex);
  std::vector<SegmentTable::Key> SettledSegments() REQUIRES(state_.mutex);
  bool IsRetained(const Segment& segment, uint64_t end) const REQUIRES(state_.mutex);
  bool IsSpaceNeeded() const REQUIRES(state_.mutex);
  DiskResult<void> ReleaseSegment(const SegmentTable::Key& key);

  LogState& state_;
  CheckpointSaver& checkpoints_;
  SegmentPreparer& preparer_;
  std::vector<PreparedSegment> recycled_;  // their new names are not yet on the disk
};

}  // namespace ei::wal
