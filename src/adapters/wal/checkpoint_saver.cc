#include "adapters/wal/checkpoint_saver.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

namespace ei::wal {

namespace {

// Bounds how many events a crash can make be delivered twice: those that were delivered within this time.
constexpr base::Duration kInterval = std::chrono::milliseconds(100);

}  // namespace

DiskResult<void> CheckpointSaver::Begin(const FoundLog& found) {
  auto file = CheckpointFile::Renew(state_.directory, found.checkpoint);
  DiskResult<void> saved;
  if (!file && file.error() == ENOSPC && found.has_checkpoint) {
    file = CheckpointFile::Reuse(state_.directory);
    if (file) saved = file->Save(found.checkpoint);
  }
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  return saved;
}

// They lie between two segments whose numbers don't follow each other, up to the second one.
void CheckpointSaver::FindReleased(std::span<const SegmentHeader> segments, const SettledMap& settled) {
  taken_at_ = state_.clock.Now();
  released_ = SettledMap(settled.Below());
  for (size_t i = 1; i < segments.size(); ++i) {
    const uint64_t end = segments[i].first_position;
    if (segments[i].number == segments[i - 1].number + 1) continue;
    const auto after = settled.Runs().lower_bound(end);
    if (after == settled.Runs().begin()) continue;
    const auto& [run_begin, run_end] = *std::prev(after);
    if (run_end >= end) released_.Mark(std::max(run_begin, segments[i - 1].first_position), end);
  }
}

bool CheckpointSaver::ReserveRelease(uint64_t begin, uint64_t end) {
  const bool joins = begin <= released_.Below() || released_.Contains(begin - 1) || released_.Contains(end);
  const size_t runs_max = state_.options.checkpoint_runs_max - LowestRuns(state_.options.checkpoint_runs_max);
  if (!joins && released_.Runs().size() >= runs_max) return false;
  released_.Mark(begin, end);
  return true;
}

bool CheckpointSaver::IsDue() const { return state_.clock.Now() >= taken_at_ + kInterval; }

CheckpointSaver::Snapshot CheckpointSaver::Take(LogState& state) {
  const SettledMap& settled = state.segments.Settled();
  released_.Mark(0, settled.Below());  // needs no runs any more

  Snapshot snapshot;
  snapshot.checkpoint.durable_end = state.DurableEnd();
  snapshot.checkpoint.next_segment = state.next_segment;
  const size_t lowest = LowestRuns(state.options.checkpoint_runs_max);
  snapshot.checkpoint.settled = settled.Lowest(lowest);
  for (const auto& [begin, end] : released_.Runs()) snapshot.checkpoint.settled.Mark(begin, end);
  snapshot.settled_since = state.settled_since_checkpoint;
  snapshot.number = sent_files_.snapshots.fetch_add(1, std::memory_order_relaxed) + 1;
  snapshot.sent_end = settled.AlwaysLowestEnd(lowest);
  taken_at_ = state.clock.Now();
  return snapshot;
}

DiskResult<void> CheckpointSaver::Save(const Snapshot& snapshot) {
  assert(file_.has_value());
  DiskResult<void> saved = file_->Save(snapshot.checkpoint);
  if (saved) saved = file_->Confirm(state_.directory);
  if (!saved && saved.error() == ENOENT) {
    state_.log.Write(
        LogLevel::kWarn, "wal",
        "wal.dir (WAL_DIR): the checkpoint was moved or removed by another process; creating it again",
        {{"file", kCheckpointName}});
    auto renewed = CheckpointFile::Renew(state_.directory, snapshot.checkpoint);
    if (renewed) file_ = std::move(*renewed);
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

Work CheckpointSaver::SaveForCopy() {
  Snapshot snapshot;
  {
    base::MutexLock lock(state_.mutex);
    if (state_.last_frame.progress != LastFrameCopy::Progress::kSynced) return Work::kIdle;
    snapshot = Take(state_);
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
