#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "adapters/wal/log_state.h"
#include "adapters/wal/wal_format.h"
#include "base/time.h"
#include "event/event_batch.h"
#include "journal/journal.h"

namespace ei::wal {

// Assigns a batch its positions and its place in the log, or rejects it. A position that was assigned never
// names another event, also across restarts.
//
// A client is charged with the bytes by which its batches make the log longer, including padding and the
// unused rest of a segment that they end, until all events of the segment are settled (SegmentReleaser).
//
// Thread-safe.
class Appender {
 public:
  // `state` must outlive this object.
  explicit Appender(LogState& state) : state_(state) {}

  // See Journal.
  Appended Append(const AppendRequest& request, base::SteadyTime now);

 private:
  std::optional<AppendResult> WhyRejected(const EventBatch& batch) REQUIRES(state_.mutex);
  bool IsWithinShare(const EventBatch& batch) const REQUIRES(state_.mutex);
  AppendResult RejectFull(uint64_t client_bytes) REQUIRES(state_.mutex);
  bool Store(const EventBatch& batch, std::span<const IndexEntry> index, base::SteadyTime now)
      REQUIRES(state_.mutex);

  LogState& state_;
};

}  // namespace ei::wal
