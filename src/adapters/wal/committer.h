#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/wal/disk.h"
#include "adapters/wal/log_state.h"
#include "adapters/wal/log_tail.h"
#include "adapters/wal/wal_role.h"

namespace ei::wal {

// The role Commit: makes accepted events durable.
//
// Synced bytes are never written again: a frame begins at a sector boundary (LogTail), and only one frame at
// a time waits for its sync. So a crash can tear only the last frame, which was not acknowledged.
//
// Used by one thread at a time.
class Committer {
 public:
  // `state` must outlive this object.
  explicit Committer(LogState& state) : state_(state) {}

  // Writes and syncs the oldest frame, then makes its events available to Take and ends the waits for them.
  Work Commit();

 private:
  std::optional<bool> WriteAndSync(const PendingFrame& frame, uint64_t& bytes);
  DiskResult<void> WriteFrame(const PendingFrame& frame, uint64_t& bytes);
  Work AwaitCopyCheckpoint(uint64_t bytes);
  uint64_t CountMissing(uint64_t position) REQUIRES(state_.mutex);
  void Publish(const PendingFrame& frame, uint64_t& filled_lanes) REQUIRES(state_.mutex);
  void Fail(std::string_view what, int error);

  LogState& state_;
  std::string scratch_;        // of WriteFrame
  bool disk_is_full_ = false;  // and this was logged
};

}  // namespace ei::wal
