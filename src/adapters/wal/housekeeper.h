#pragma once

#include "adapters/wal/checkpoint_saver.h"
#include "adapters/wal/log_state.h"
#include "adapters/wal/segment_preparer.h"
#include "adapters/wal/segment_releaser.h"
#include "adapters/wal/wal_role.h"

namespace ei::wal {

// The role Housekeep: marks damaged segments, releases settled ones, prepares the next one, and saves
// checkpoints. Used by one thread at a time.
class Housekeeper {
 public:
  // The references must outlive this object.
  Housekeeper(LogState& state, CheckpointSaver& checkpoints)
      : state_(state),
        checkpoints_(checkpoints),
        preparer_(state),
        releaser_(state, checkpoints, preparer_) {}

  // Takes the first of these steps that there is work for.
  Work Housekeep();

  // Saves the last checkpoint. False: it could not be saved.
  bool Finish();

 private:
  Work MarkDamaged();

  LogState& state_;
  CheckpointSaver& checkpoints_;
  SegmentPreparer preparer_;
  SegmentReleaser releaser_;
  bool mark_faulty_ = false;  // the failure to mark a segment was logged
};

}  // namespace ei::wal
