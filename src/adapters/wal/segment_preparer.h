#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "adapters/wal/log_state.h"
#include "adapters/wal/log_tail.h"
#include "adapters/wal/wal_role.h"
#include "base/time.h"

namespace ei::wal {

inline constexpr size_t kPreparedMin = 1;  // segments that are kept prepared

// Size of the next segment; nullopt: there is no room for it now.
std::optional<uint64_t> NextSegmentBytes(const LogState& state) REQUIRES(state.mutex);

// Makes the next segment before it is needed, within the limit of disk use. Used by one thread at a time.
class SegmentPreparer {
 public:
  // `state` must outlive this object.
  explicit SegmentPreparer(LogState& state) : state_(state) {}

  // Makes a segment if none is prepared.
  Work Prepare();

  // Appends prepared segments to those of the tail. The first one with enough room gets the newest commit
  // that the start found (LastFrameCopy).
  void Add(std::vector<PreparedSegment> segments);

 private:
  void PlaceCopy() REQUIRES(state_.mutex);
  Work CheckQuarantine();

  LogState& state_;
  bool faulty_ = false;             // the failure was logged
  bool quarantine_logged_ = false;  // logged that quarantined files use the space of new segments
  base::SteadyTime check_quarantine_at_;
};

}  // namespace ei::wal
