// Checkpoints: what they contain, and when a previous run's newest commit needs one.

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

#include "adapters/wal/wal_journal.h"

namespace ei::wal {

WalJournal::Snapshot WalJournal::TakeSnapshot() {
  const SettledMap& settled = state_.segments.Settled();
  released_.Mark(0, settled.Below());  // needs no runs any more

  Snapshot snapshot;
  snapshot.checkpoint.durable_end = state_.DurableEnd();
  snapshot.checkpoint.next_segment = state_.next_segment;
  const size_t lowest = LowestRuns(state_.options.checkpoint_runs_max);
  snapshot.checkpoint.settled = settled.Lowest(lowest);
  for (const auto& [begin, end] : released_.Runs()) snapshot.checkpoint.settled.Mark(begin, end);
  snapshot.settled_since = state_.settled_since_checkpoint;
  snapshot.number = sent_files_.snapshots.fetch_add(1, std::memory_order_relaxed) + 1;
  snapshot.sent_end = settled.AlwaysLowestEnd(lowest);
  checkpoint_at_ = state_.clock.Now();
  return snapshot;
}

DiskResult<void> WalJournal::Save(const Snapshot& snapshot) {
  assert(checkpoint_.has_value());  // set by Recover
  DiskResult<void> saved = checkpoint_->Save(snapshot.checkpoint);
  if (saved) saved = checkpoint_->Confirm(state_.directory);
  if (!saved && saved.error() == ENOENT) {
    state_.log.Write(
        LogLevel::kWarn, "wal",
        "wal.dir (WAL_DIR): the checkpoint was moved or removed by another process; creating it again",
        {{"file", kCheckpointName}});
    auto renewed = CheckpointFile::Renew(state_.directory, snapshot.checkpoint);
    if (renewed) checkpoint_ = std::move(*renewed);
    saved = renewed ? state_.directory.Sync() : std::unexpected(renewed.error());
  }
  if (!saved) {
    state_.log.Write(LogLevel::kError, "wal", "wal.dir (WAL_DIR): the checkpoint can't be saved; retrying",
                     {{"error", std::system_category().message(saved.error())}});
    return saved;
  }
  sent_files_.saved_end.store(snapshot.sent_end, std::memory_order_relaxed);
  sent_files_.saved.store(snapshot.number, std::memory_order_release);
  base::MutexLock lock(state_.mutex);
  state_.settled_since_checkpoint -= snapshot.settled_since;
  return saved;
}

bool WalJournal::Finish() {
  if (MarkDamaged() == Work::kLater) return false;
  Snapshot snapshot;
  {
    base::MutexLock lock(state_.mutex);
    snapshot = TakeSnapshot();
  }
  return Save(snapshot).has_value();
}

Work WalJournal::SaveCopyCheckpoint() {
  Snapshot snapshot;
  {
    base::MutexLock lock(state_.mutex);
    if (state_.last_frame.progress != LastFrameCopy::Progress::kSynced) return Work::kIdle;
    snapshot = TakeSnapshot();
    snapshot.checkpoint.durable_end = state_.last_frame.DurableEnd();
  }
  if (!Save(snapshot)) return Work::kLater;
  {
    base::MutexLock lock(state_.mutex);
    state_.last_frame.progress = LastFrameCopy::Progress::kCheckpointed;
    state_.commit_idle = false;
  }
  state_.wake(Role::kCommit);
  return Work::kDone;
}

}  // namespace ei::wal
