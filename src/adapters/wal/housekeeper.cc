#include "adapters/wal/housekeeper.h"

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include "adapters/wal/segment_files.h"

namespace ei::wal {

Work Housekeeper::Housekeep() {
  if (const Work noted = checkpoints_.SaveForCopy(); noted != Work::kIdle) return noted;
  const Work marked = MarkDamaged();
  if (marked == Work::kDone) return marked;
  const Work released = marked == Work::kLater ? marked : releaser_.Release();
  if (released == Work::kDone) return released;
  const Work prepared = preparer_.Prepare();
  if (prepared == Work::kDone) return prepared;
  const bool failed = released == Work::kLater || prepared == Work::kLater;
  CheckpointSaver::Snapshot snapshot;
  {
    base::MutexLock lock(state_.mutex);
    if (!state_.quarantine.Unmarked().empty()) return failed ? Work::kLater : Work::kDone;
    if (state_.settled_since_checkpoint == 0) {
      state_.housekeep_idle = !failed;
      return failed ? Work::kLater : Work::kIdle;
    }
    if (!checkpoints_.IsDue()) return Work::kLater;
    snapshot = checkpoints_.Take(state_);
  }
  return checkpoints_.Save(snapshot) && !failed ? Work::kDone : Work::kLater;
}

bool Housekeeper::Finish() {
  if (MarkDamaged() == Work::kLater) return false;
  CheckpointSaver::Snapshot snapshot;
  {
    base::MutexLock lock(state_.mutex);
    snapshot = checkpoints_.Take(state_);
  }
  return checkpoints_.Save(snapshot).has_value();
}

// Runs before a checkpoint marks lost events as settled: without the mark the next run would treat the rest
// of their segment as sound and reuse its file.
Work Housekeeper::MarkDamaged() {
  std::vector<uint64_t> numbers;
  {
    base::MutexLock lock(state_.mutex);
    numbers = state_.quarantine.Unmarked();
  }
  if (numbers.empty()) return Work::kIdle;
  DiskResult<void> done;
  for (const uint64_t number : numbers) {
    if (!done) break;
    // A mark whose sync failed may not be on the disk, so it is created again.
    if (auto gone = state_.directory.Remove(MarkName(number)); !gone && gone.error() != ENOENT) done = gone;
    const auto made = state_.directory.Create(MarkName(number));
    if (done && !made) done = std::unexpected(made.error());
  }
  if (done) done = state_.directory.Sync();
  if (!done) {
    if (!std::exchange(mark_faulty_, true)) {
      state_.log.Write(
          LogLevel::kError, "wal",
          "wal.dir (WAL_DIR): a damaged segment can't be marked; retrying. No checkpoint is saved until then",
          {{"error", std::system_category().message(done.error())}});
    }
    return Work::kLater;
  }
  mark_faulty_ = false;
  base::MutexLock lock(state_.mutex);
  state_.quarantine.NoteMarked(numbers);
  return Work::kDone;
}

}  // namespace ei::wal
