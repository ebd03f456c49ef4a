// Commit: makes accepted events durable.

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "adapters/wal/read_write.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/wal_journal.h"

namespace ei::wal {

namespace {

bool IsFull(int error) { return error == ENOSPC || error == EDQUOT; }

}  // namespace

Work WalJournal::Commit() {
  const PendingFrame* frame = nullptr;
  bool written = false;
  {
    base::MutexLock lock(mutex_);
    if (!Failed() && copy_ != Copy::kSynced) frame = tail_.Front();
    if (frame == nullptr) {
      commit_idle_ = true;
      return Work::kIdle;
    }
    written = std::exchange(copy_, Copy::kNone) == Copy::kCheckpointed;
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
    base::MutexLock lock(mutex_);
    const uint64_t end = frame->header.first_position + frame->header.events;
    durable_end_.store(std::max(end, found_end_), std::memory_order_release);
    lost = CountMissing(end);
    wake_housekeep = lost > 0 && WakeIfIdle(housekeep_idle_);
    ++counts_.commits;
    counts_.commit_bytes += bytes;
    Publish(*frame, filled_lanes);
    if (options_.shares != nullptr) {
      for (const BatchSlice& piece : frame->pieces) {
        options_.shares->Give(piece.client, Shared::kUnsyncedBytes,
                              LogTail::BytesOf(piece.size, piece.events));
      }
    }
    const bool was_blocked = !tail_.AcceptsPrepared();
    tail_.Pop();
    if (was_blocked && tail_.AcceptsPrepared()) {
      housekeep_idle_ = false;
      wake_housekeep = true;
    }
    StoreHints();
    rejected_bytes_.store(kNothingRejected, std::memory_order_relaxed);
    wake_read_back = MayReadBack() && WakeIfIdle(read_back_idle_);
    completions_.MoveDurableEnd(DurableEnd(), wakes);
  }
  if (lost > 0) {
    log_.Write(LogLevel::kError, "wal", "the log is damaged: its last events are lost", {{"events", lost}});
  }
  ei::WakeLanes(filled_lanes, options_.lanes, lane_filled_);
  if (wake_read_back) wake_(Role::kReadBack);
  if (wake_housekeep) wake_(Role::kHousekeep);
  return Work::kDone;
}

// nullopt: the disk is full, and the frame is written again later. False: the log has failed.
std::optional<bool> WalJournal::WriteAndSync(const PendingFrame& frame, uint64_t& bytes) {
  if (const auto written = WriteFrame(frame, bytes); !written) {
    if (!IsFull(written.error())) {
      Fail("can't write to the log", written.error());
      return false;
    }
    // The frame keeps its place, and its requests wait.
    if (!std::exchange(commit_stalled_, true)) {
      log_.Write(LogLevel::kError, "wal",
                 "wal.dir (WAL_DIR): the disk is full although the space was allocated; requests wait",
                 {{"error", std::system_category().message(written.error())}});
    }
    return std::nullopt;
  }
  commit_stalled_ = false;
  if (const auto synced = frame.file->Sync(); !synced) {
    Fail("a sync of the log failed", synced.error());
    return false;
  }
  const auto confirmed = directory_.Confirm(SegmentName(frame.header.segment), *frame.file);
  if (!confirmed) {
    Fail("the newest segment, the lock file or the folder was moved or removed by another process",
         confirmed.error());
    return false;
  }
  return true;
}

// A start that finds the newest commit twice drops the copy, because the original may be the only one on the
// disk (recovery.cc). But the original may also not be on the disk. So the copy is not acknowledged before a
// checkpoint says that it is durable; from then on a start does not drop it.
Work WalJournal::AwaitCopyCheckpoint(uint64_t bytes) {
  {
    base::MutexLock lock(mutex_);
    counts_.commit_bytes += bytes;
    copy_ = Copy::kSynced;
    commit_idle_ = true;
    housekeep_idle_ = false;
  }
  wake_(Role::kHousekeep);
  return Work::kIdle;
}

DiskResult<void> WalJournal::WriteFrame(const PendingFrame& frame, uint64_t& bytes) {
  std::string end;
  end.reserve(FrameEndBytes(frame.header));
  for (const IndexEntry& entry : frame.end.index) AppendIndexEntry(end, entry);
  for (const Origin& origin : frame.end.origins) AppendOrigin(end, origin);
  end.append(frame.end.topic);

  std::string& out = commit_scratch_;
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
uint64_t WalJournal::CountMissing(uint64_t position) {
  const uint64_t lost = segments_.Settle(position, found_end_);
  if (lost == 0) return 0;
  counts_.lost += lost;
  settled_since_checkpoint_ += lost;
  if (Segment* const segment = segments_.Find(last_frame_segment_)) NoteDamaged(*segment);
  return lost;
}

// Makes the frame's events available to Take: from memory if the window has room, otherwise they become part
// of the backlog behind the cursor.
void WalJournal::Publish(const PendingFrame& frame, uint64_t& filled_lanes) {
  if (backlog_) return;
  if (!WindowHasRoom(frame.header.events) || deferred_.Full()) {
    backlog_ = true;
    backlog_from_ = frame.header.first_position;
    backlog_start_ = {frame.header.segment, frame.offset, frame.header.first_position};
    backlog_since_ = frame.pieces.front().accepted_at;
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
      if (!piece.from_disk || !segments_.Settled().Contains(position)) {
        const JournalEvent event =
            piece.from_disk ? EventFromDisk(position, bytes, *entry, piece.accepted_at, piece.topic)
                            : EventOf(position, bytes, *entry, piece.accepted_at);
        if (!Defer(event)) events.push_back(event);
      }
      ++position;
      bytes += entry->size;
    }
    window_.Add(events, piece.block, filled_lanes);
  }
}

// None of the waiting requests is acknowledged, and the sync is not retried: after a failure the kernel may
// have dropped the pages that it could not write and marked them clean.
void WalJournal::Fail(std::string_view what, int error) {
  log_.Write(LogLevel::kError, "wal",
             "the log's storage failed: no more events are accepted, and the service must be restarted",
             {{"fault", what}, {"error", std::system_category().message(error)}});
  {
    DueWakes wakes;
    base::MutexLock lock(mutex_);
    failed_.store(true, std::memory_order_release);
    tail_.Clear();
    commit_idle_ = true;
    completions_.Fail(DurableEnd(), wakes);
  }
  on_failed_();
}

}  // namespace ei::wal
