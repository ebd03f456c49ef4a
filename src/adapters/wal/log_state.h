#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "adapters/wal/disk.h"
#include "adapters/wal/durable_events.h"
#include "adapters/wal/last_frame_copy.h"
#include "adapters/wal/log_tail.h"
#include "adapters/wal/quarantine.h"
#include "adapters/wal/segment_table.h"
#include "adapters/wal/wal_counts.h"
#include "adapters/wal/wal_options.h"
#include "adapters/wal/wal_role.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "event/uuid_v7.h"
#include "journal/completions.h"

namespace ei::wal {

// What the parts of a WalJournal share, under one mutex. Except at the start, no operation under it iterates
// over all segments.
struct LogState {
  // The references must outlive this object.
  LogState(const WalOptions& with, Directory& folder, const Clock& time, Log& lines, uint64_t seed);

  // Every event below this position is durable.
  uint64_t DurableEnd() const { return durable_end.load(std::memory_order_acquire); }
  // The storage failed.
  bool Failed() const { return failed.load(std::memory_order_acquire); }
  // Converts a wall time of the log to the steady clock. The result may lie before that clock's beginning. A
  // time before 1970 counts as 1970.
  base::SteadyTime SteadyOf(int64_t wall_nanos) const;
  // The topic of a frame if it differs from the current topic for events that name none; otherwise empty.
  std::string_view TopicIfDifferent(std::string_view topic) const {
    return topic == options.topic ? std::string_view() : topic;
  }

  // Charges a client with bytes of a segment.
  void Charge(Segment& segment, ClientNumber client, uint64_t bytes) REQUIRES(mutex);
  // Charges a client with the bytes by which its events made the log longer. `used` and `room` are those of
  // the segment that was being filled before; `begun` is the segment that was begun for the events.
  void NoteAdded(const BatchSlice& piece, uint64_t used, uint64_t room,
                 const std::optional<SegmentHeader>& begun, base::SteadyTime now) REQUIRES(mutex);
  // `events` were settled because they are lost. `segment` held them; null: there is no such segment.
  void NoteLost(uint64_t events, Segment* segment) REQUIRES(mutex);
  // Copies the counts that are read without the lock.
  void StoreHints() REQUIRES(mutex);
  uint64_t DiskBytes() const REQUIRES(mutex);  // of all segments, prepared and quarantined ones included
  // Whether the segment holds the newest commit that the start found, and no rewritten copy of it is durable
  // yet.
  bool HoldsLastFrame(uint64_t segment) const REQUIRES(mutex) {
    return last_frame.IsIn(segment, DurableEnd());
  }
  // Returns whether ReadBack was idle and has work now, and marks it as not idle.
  bool WakeReadBack() REQUIRES(mutex) { return durable.MayReadBack() && WakeIfIdle(read_back_idle); }
  // Returns whether the role was idle and must be woken, and marks it as not idle.
  static bool WakeIfIdle(bool& idle) { return std::exchange(idle, false); }

  const WalOptions options;
  Directory& directory;
  const Clock& clock;
  Log& log;

  // Set before use. Called without the lock.
  std::function<void()> on_failed = [] {};
  std::function<void(size_t lane)> lane_filled = [](size_t) {};
  std::function<void(Role)> wake = [](Role) {};

  // Read by any thread without the lock; may be stale. Written under the mutex.
  struct Hints {
    static constexpr uint64_t kNothingRejected = std::numeric_limits<uint64_t>::max();
    // Size of the last request that was rejected for lack of room; 0: any request would be.
    std::atomic<uint64_t> rejected_bytes{kNothingRejected};
    std::atomic<uint64_t> events{0};           // unsettled
    std::atomic<uint64_t> deferred_events{0};  // of stalled partitions, on the disk
    std::atomic<uint64_t> segment_bytes{0};    // of the segments that hold events
  };

  std::atomic<uint64_t> durable_end{0};  // written under the mutex
  std::atomic<bool> failed{false};       // written under the mutex
  std::atomic<uint64_t> block_bytes{0};  // memory of all blocks
  Hints hints;

  mutable base::Mutex mutex;
  Completions completions;  // guarded by the mutex, except Full
  UuidV7Generator salts GUARDED_BY(mutex);
  LogTail tail GUARDED_BY(mutex);
  SegmentTable segments GUARDED_BY(mutex);      // segments in use, and which of their events are settled
  uint64_t next_segment GUARDED_BY(mutex) = 0;  // segment numbers from here on were never used
  DurableEvents durable GUARDED_BY(mutex);
  LastFrameCopy last_frame GUARDED_BY(mutex);
  Quarantine quarantine GUARDED_BY(mutex);
  uint64_t settled_since_checkpoint GUARDED_BY(mutex) = 0;
  WalCounts counts GUARDED_BY(mutex);
  bool closed GUARDED_BY(mutex) = false;
  bool commit_idle GUARDED_BY(mutex) = false;
  bool read_back_idle GUARDED_BY(mutex) = false;
  bool housekeep_idle GUARDED_BY(mutex) = false;
};

}  // namespace ei::wal
