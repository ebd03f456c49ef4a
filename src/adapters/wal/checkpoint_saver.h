#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/disk.h"
#include "adapters/wal/log_state.h"
#include "adapters/wal/recovery.h"
#include "adapters/wal/sent_log.h"
#include "adapters/wal/settled_map.h"
#include "adapters/wal/wal_format.h"
#include "adapters/wal/wal_role.h"
#include "base/time.h"

namespace ei::wal {

// Takes and saves checkpoints. Used by one thread at a time.
class CheckpointSaver {
 public:
  // A checkpoint that is to be saved.
  struct Snapshot {
    Checkpoint checkpoint;
    uint64_t settled_since = 0;  // events settled between the previous checkpoint and this one
    uint64_t number = 0;         // see SentFiles::snapshots
    uint64_t sent_end = 0;       // for SentFiles::saved_end
  };

  // The references must outlive this object.
  CheckpointSaver(LogState& state, SentFiles& sent_files) : state_(state), sent_files_(sent_files) {}

  // Called once at the start, before all other functions: saves the checkpoint of the recovered log, in a new
  // file if the disk has room. The caller must sync the directory afterwards.
  DiskResult<void> Begin(const FoundLog& found);
  // Called once at the start: finds the positions that a previous run released. `segments` are those in use,
  // in order.
  void FindReleased(std::span<const SegmentHeader> segments, const SettledMap& settled);

  // Makes every checkpoint from now on contain these positions, which are settled. False: there is no room
  // for them.
  bool ReserveRelease(uint64_t begin, uint64_t end);

  // Whether the last snapshot is old enough for the next one.
  bool IsDue() const;
  // `state` is the one that was passed to the constructor.
  Snapshot Take(LogState& state) REQUIRES(state.mutex);
  // Saves the snapshot so that it survives a loss of power; logs a failure.
  DiskResult<void> Save(const Snapshot& snapshot);

  // Saves the checkpoint that a rewritten commit waits for (LastFrameCopy). kIdle: none waits.
  Work SaveForCopy();

 private:
  LogState& state_;
  SentFiles& sent_files_;
  std::optional<CheckpointFile> file_;
  base::SteadyTime taken_at_;  // the last snapshot, or the start
  // Positions of segments that were released, or are to be, above the first unsettled one. Every checkpoint
  // contains them: a start takes positions without a file for lost unless they are settled.
  SettledMap released_;
};

}  // namespace ei::wal
