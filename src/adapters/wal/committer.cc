#include "adapters/wal/committer.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "adapters/wal/read_write.h"
#include "adapters/wal/segment_files.h"

namespace ei::wal {

namespace {

using Progress = LastFrameCopy::Progress;

bool IsFull(int error) { return error == ENOSPC || error == EDQUOT; }

}  // namespace

Work Committer::Commit() {
  const PendingFrame* frame = nullptr;
  bool written = false;
  {
    base::MutexLock lock(state_.mutex);
    if (!state_.Failed() && state_.last_frame.progress != Progress::kSynced) frame = state_.tail.Front();
    if (frame == nullptr) {
      state_.commit_idle = true;
      return Work::kIdle;
    }
    written = std::exchange(state_.last_frame.progress, Progress::kNone) == Progress::kCheckpointed;
  }
  uint64_t bytes = 0;
  if (!written) {
    const auto synced = WriteAndSync(*frame, bytes);
    if (!synced) return Work::kLater;
    if (!*synced) return Work::kIdle;
    if (frame->IsCopy()) return AwaitCopyCheckpoint(bytes);
  }
  uint64_t filled_lanes = 0;
  bool wake_read_back = false;
  bool wake_housekeep = false;
  uint64_t lost = 0;
  {
    DueWakes wakes;
    base::MutexLock lock(state_.mutex);
    const uint64_t end = frame->header.first_position + frame->header.events;
    state_.durable_end.store(std::max(end, state_.last_frame.found_end), std::memory_order_release);
    lost = CountMissing(end);
    wake_housekeep = lost > 0 && LogState::WakeIfIdle(state_.housekeep_idle);
    ++state_.counts.commits;
    state_.counts.commit_bytes += bytes;
    Publish(*frame, filled_lanes);
    if (state_.options.shares != nullptr) {
      for (const BatchSlice& piece : frame->pieces) {
        state_.options.shares->Give(piece.client, Shared::kUnsyncedBytes,
                                    LogTail::BytesOf(piece.size, piece.events));
      }
    }
    const bool was_blocked = !state_.tail.AcceptsPrepared();
    state_.tail.Pop();
    if (was_blocked && state_.tail.AcceptsPrepared()) {
      state_.housekeep_idle = false;
      wake_housekeep = true;
    }
    state_.StoreHints();
    state_.hints.rejected_bytes.store(LogState::Hints::kNothingRejected, std::memory_order_relaxed);
    wake_read_back = state_.WakeReadBack();
    state_.completions.MoveDurableEnd(state_.DurableEnd(), wakes);
  }
  if (lost > 0) {
    state_.log.Write(LogLevel::kError, "wal", "the log is damaged: its last events are lost",
                     {{"events", lost}});
  }
  ei::WakeLanes(filled_lanes, state_.options.lanes, state_.lane_filled);
  if (wake_read_back) state_.wake(Role::kReadBack);
  if (wake_housekeep) state_.wake(Role::kHousekeep);
  return Work::kDone;
}

// nullopt: the disk is full, and the frame is written again later. False: the log has failed.
std::optional<bool> Committer::WriteAndSync(const PendingFrame& frame, uint64_t& bytes) {
  if (const auto written = WriteFrame(frame, bytes); !written) {
    if (!IsFull(written.error())) {
      Fail("can't write to the log", written.error());
      return false;
    }
    // The frame keeps its place, and its requests wait.
    if (!std::exchange(disk_is_full_, true)) {
      state_.log.Write(LogLevel::kError, "wal",
                       "wal.dir (WAL_DIR): the disk is full although the space was allocated; requests wait",
                       {{"error", std::system_category().message(written.error())}});
    }
    return std::nullopt;
  }
  disk_is_full_ = false;
  if (const auto synced = frame.file->Sync(); !synced) {
    Fail("a sync of the log failed", synced.error());
    return false;
  }
  const auto confirmed = state_.directory.Confirm(SegmentName(frame.header.segment), *frame.file);
  if (!confirmed) {
    Fail("the newest segment, the lock file or the folder was moved or removed by another process",
         confirmed.error());
    return false;
  }
  return true;
}

// The copy is not acknowledged before a checkpoint says that it is durable; see LastFrameCopy.
Work Committer::AwaitCopyCheckpoint(uint64_t bytes) {
  {
    base::MutexLock lock(state_.mutex);
    state_.counts.commit_bytes += bytes;
    state_.last_frame.progress = Progress::kSynced;
    state_.commit_idle = true;
    state_.housekeep_idle = false;
  }
  state_.wake(Role::kHousekeep);
  return Work::kIdle;
}

DiskResult<void> Committer::WriteFrame(const PendingFrame& frame, uint64_t& bytes) {
  std::string end;
  end.reserve(FrameEndBytes(frame.header));
  for (const IndexEntry& entry : frame.end.index) AppendIndexEntry(end, entry);
  for (const Origin& origin : frame.end.origins) AppendOrigin(end, origin);
  end.append(frame.end.topic);

  std::string& out = scratch_;
  out.clear();
  if (frame.begins) out = EncodeSegmentHeader(*frame.begins);
  AppendFrameHeader(out, frame.header, end);
  for (const BatchSlice& piece : frame.pieces) out.append(piece.bytes, piece.size);
  AppendFrameEnd(out, end);
  bytes = out.size();
  return WriteAll(*frame.file, frame.begins ? 0 : frame.offset, out);
}

// The newest commit of a previous run has been written again. Behind it other commits may be missing, which
// came before the next segment was begun. Returns how many events are lost.
uint64_t Committer::CountMissing(uint64_t position) {
  const uint64_t lost = state_.segments.Settle(position, state_.last_frame.found_end);
  if (lost > 0) state_.NoteLost(lost, state_.segments.Find(state_.last_frame.segment));
  return lost;
}

// Makes the frame's events available to Take: from memory if the window has room, otherwise they become part
// of the backlog behind the cursor.
void Committer::Publish(const PendingFrame& frame, uint64_t& filled_lanes) {
  if (state_.durable.backlog.exists) return;
  if (!state_.durable.WindowHasRoom(frame.header.events) || state_.durable.deferred.Full()) {
    state_.durable.backlog = {.exists = true,
                              .from = frame.header.first_position,
                              .start = {frame.header.segment, frame.offset, frame.header.first_position},
                              .since = frame.pieces.front().accepted_at};
    return;
  }
  thread_local std::vector<JournalEvent> events;
  uint64_t position = frame.header.first_position;
  auto entry = frame.end.index.begin();
  for (const BatchSlice& piece : frame.pieces) {
    events.clear();
    const char* bytes = piece.bytes;
    for (uint32_t i = 0; i < piece.events; ++i, ++entry) {
      // A previous run may have settled some events of the rewritten commit.
      if (!piece.from_disk || !state_.segments.Settled().Contains(position)) {
        const JournalEvent event =
            piece.from_disk ? EventFromDisk(position, bytes, *entry, piece.accepted_at, piece.topic)
                            : EventOf(position, bytes, *entry, piece.accepted_at);
        if (!state_.durable.Defer(event)) events.push_back(event);
      }
      ++position;
      bytes += entry->size;
    }
    state_.durable.window.Add(events, piece.block, filled_lanes);
  }
}

// None of the waiting requests is acknowledged, and the sync is not retried: after a failure the kernel may
// have dropped the pages that it could not write and marked them clean.
void Committer::Fail(std::string_view what, int error) {
  state_.log.Write(LogLevel::kError, "wal",
                   "the log's storage failed: no more events are accepted, and the service must be restarted",
                   {{"fault", what}, {"error", std::system_category().message(error)}});
  {
    DueWakes wakes;
    base::MutexLock lock(state_.mutex);
    state_.failed.store(true, std::memory_order_release);
    state_.tail.Clear();
    state_.commit_idle = true;
    state_.completions.Fail(state_.DurableEnd(), wakes);
  }
  state_.on_failed();
}

}  // namespace ei::wal
