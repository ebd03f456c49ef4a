#include "adapters/wal/log_state.h"

#include <algorithm>

namespace ei::wal {

LogState::LogState(const WalOptions& with, Directory& folder, const Clock& time, Log& lines, uint64_t seed)
    : options(with),
      directory(folder),
      clock(time),
      log(lines),
      completions({options.awaited_events_max, options.shares, options.window}),
      salts(seed),
      tail(options.segment_bytes, options.topic),
      durable(options, block_bytes) {}

base::SteadyTime LogState::SteadyOf(int64_t wall_nanos) const {
  const int64_t age = clock.WallNow().time_since_epoch().count() - std::max<int64_t>(wall_nanos, 0);
  return clock.Now() - base::Duration(std::max<int64_t>(age, 0));
}

void LogState::Charge(Segment& segment, ClientNumber client, uint64_t bytes) {
  if (options.shares == nullptr || bytes == 0) return;
  segment.holdings.Add(client, 0, bytes);
  options.shares->Take(client, Shared::kJournalBytes, bytes);
}

void LogState::NoteAdded(const BatchSlice& piece, uint64_t used, uint64_t room,
                         const std::optional<SegmentHeader>& begun, base::SteadyTime now) {
  if (begun) {
    if (room > 0) Charge(*segments.Newest(), piece.client, room);
    segments.Begin(*begun, now);
    used = 0;
  }
  Charge(*segments.Newest(), piece.client, tail.Used() - used);
  if (options.shares == nullptr) return;
  options.shares->Take(piece.client, Shared::kUnsyncedBytes, LogTail::BytesOf(piece.size, piece.events));
}

void LogState::NoteLost(uint64_t events, Segment* segment) {
  counts.lost += events;
  settled_since_checkpoint += events;
  if (segment != nullptr) quarantine.NoteDamaged(*segment);
}

void LogState::StoreHints() {
  hints.events.store(segments.Unsettled(), std::memory_order_relaxed);
  hints.deferred_events.store(durable.deferred.Events(), std::memory_order_relaxed);
  hints.segment_bytes.store(segments.Bytes(), std::memory_order_relaxed);
}

uint64_t LogState::DiskBytes() const { return segments.Bytes() + tail.PreparedBytes() + quarantine.Bytes(); }

}  // namespace ei::wal
