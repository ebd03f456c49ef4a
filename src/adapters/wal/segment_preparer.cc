#include "adapters/wal/segment_preparer.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "adapters/wal/disk_errors.h"
#include "adapters/wal/segment_files.h"

namespace ei::wal {

namespace {

// How often a full log checks whether quarantined files have been moved away.
constexpr base::Duration kQuarantineCheckInterval = std::chrono::seconds(1);

// Whether a segment of `bytes` may be added. The newest segment may be larger than any that is made now, and
// stays until another one is begun, so it must not prevent that.
bool HasRoomForSegment(const LogState& state, uint64_t bytes) REQUIRES(state.mutex) {
  const uint64_t newest = state.segments.NewestBytes();
  const uint64_t others = state.DiskBytes() - (newest > state.options.segment_bytes ? newest : 0);
  return others + bytes <= state.options.bytes_max;
}

}  // namespace

// The newest commit of a previous run must not wait for files that can't be removed before it is rewritten:
// its old segment and quarantined files. If those leave no room, it gets a segment that holds nothing else,
// beyond the limit. However often the process starts, there is only one such segment, because a copy that is
// alone in its segment is dropped.
std::optional<uint64_t> NextSegmentBytes(const LogState& state) {
  const uint64_t least = state.last_frame.SegmentBytes();
  const uint64_t wanted = std::max(state.options.segment_bytes, least);
  if (HasRoomForSegment(state, wanted)) return wanted;
  if (!state.last_frame.waiting) return std::nullopt;
  const Segment* const old = state.segments.At(state.last_frame.waiting->header.first_position);
  const uint64_t stays = old != nullptr ? old->header.segment_bytes : 0;
  if (stays + state.quarantine.Bytes() + wanted > state.options.bytes_max) return least;
  return std::nullopt;
}

Work SegmentPreparer::Prepare() {
  uint64_t number = 0;
  std::optional<uint64_t> bytes;
  {
    base::MutexLock lock(state_.mutex);
    if (state_.tail.Prepared() >= kPreparedMin || !state_.tail.AcceptsPrepared()) return Work::kIdle;
    bytes = NextSegmentBytes(state_);
    if (!bytes && state_.quarantine.Files() == 0) return Work::kIdle;
    if (bytes) number = state_.next_segment++;
  }
  if (!bytes) return CheckQuarantine();
  auto file = MakeSegment(state_.directory, number, *bytes);
  if (!file) {
    if (!std::exchange(faulty_, true)) {
      state_.log.Write(
          LogLevel::kError, "wal",
          IsOutOfFiles(file.error())
              ? kOutOfFiles
              : "wal.dir (WAL_DIR): a segment can't be prepared; requests are rejected when the last is full",
          {{"error", std::system_category().message(file.error())}});
    }
    return Work::kLater;
  }
  faulty_ = false;
  Add({{number, *bytes, std::move(*file)}});
  return Work::kDone;
}

void SegmentPreparer::Add(std::vector<PreparedSegment> segments) {
  bool wake_commit = false;
  {
    base::MutexLock lock(state_.mutex);
    for (PreparedSegment& segment : segments) state_.tail.AddPrepared(std::move(segment));
    state_.hints.rejected_bytes.store(LogState::Hints::kNothingRejected, std::memory_order_relaxed);
    PlaceCopy();
    wake_commit = !state_.tail.Empty() && LogState::WakeIfIdle(state_.commit_idle);
  }
  if (wake_commit) state_.wake(Role::kCommit);
}

// Gives the newest commit that the start found its place, if it waits for one and has room.
void SegmentPreparer::PlaceCopy() {
  const auto& waiting = state_.last_frame.waiting;
  if (!waiting || !state_.tail.HasRoom(waiting->bodies.size(), waiting->end.index.size())) return;
  const LastFrame last = state_.last_frame.Take();
  BatchSlice piece;
  const std::string_view topic = state_.TopicIfDifferent(last.end.topic);
  char* const room = state_.durable.window.Room(last.bodies.size() + topic.size());
  std::copy(last.bodies.begin(), last.bodies.end(), room);
  std::copy(topic.begin(), topic.end(), room + last.bodies.size());
  piece.from_disk = true;
  piece.topic = {room + last.bodies.size(), topic.size()};
  piece.block = state_.durable.window.Filling();
  piece.bytes = room;
  piece.size = last.bodies.size();
  piece.events = last.header.events;
  piece.accepted_at = state_.SteadyOf(last.header.accepted_at);
  const uint64_t used = state_.tail.Used();
  const uint64_t left = state_.tail.RoomInSegment();
  const auto begun = state_.tail.AddRecovered(piece, last.end, last.header.first_position,
                                              last.header.accepted_at, state_.salts.NextRandom());
  assert(begun.has_value());  // this run has not begun a segment before
  state_.NoteAdded(piece, used, left, begun, state_.clock.Now());
}

// Runs when the log is full and quarantined files use some of its space. They may be the only copy of some
// events, so only the operator may move them away; then they no longer count.
Work SegmentPreparer::CheckQuarantine() {
  if (state_.clock.Now() < check_quarantine_at_) return Work::kLater;
  check_quarantine_at_ = state_.clock.Now() + kQuarantineCheckInterval;
  const auto names = state_.directory.List();
  if (!names) return Work::kLater;
  std::set<uint64_t> there;
  for (const std::string& name : *names) {
    if (const auto number = DamagedNumber(name)) there.insert(*number);
  }
  size_t left = 0;
  size_t gone = 0;
  {
    base::MutexLock lock(state_.mutex);
    gone = state_.quarantine.KeepOnly(there);
    left = state_.quarantine.Files();
  }
  if (gone > 0) {
    quarantine_logged_ = false;
    return Work::kDone;
  }
  if (!std::exchange(quarantine_logged_, true)) {
    state_.log.Write(
        LogLevel::kError, "wal",
        "wal.dir (WAL_DIR): the log is full, and quarantined segments use some of its space: inspect them "
        "(event-ingestor wal verify), then move them away or delete them",
        {{"files", uint64_t{left}}, {"wal_bytes_max", state_.options.bytes_max}});
  }
  return Work::kLater;
}

}  // namespace ei::wal
