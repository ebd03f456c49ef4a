// Housekeep: prepares, recycles and removes segments. Checkpoints are in save_checkpoint.cc.

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "adapters/wal/disk_errors.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/wal_journal.h"

namespace ei::wal {

namespace {

// Bounds how many events a crash can make be delivered twice: those that were delivered within this time.
constexpr auto kCheckpointInterval = std::chrono::milliseconds(100);
constexpr size_t kPreparedMin = 1;
constexpr size_t kPreparedMax = 2;  // recycled segments; further ones are removed
// How often a full log checks whether quarantined files have been moved away.
constexpr base::Duration kQuarantineCheckInterval = std::chrono::seconds(1);
constexpr size_t kReleasedMax = 1'000;  // segments that are released after one checkpoint

}  // namespace

Work WalJournal::Housekeep() {
  if (const Work noted = SaveCopyCheckpoint(); noted != Work::kIdle) return noted;
  const Work marked = MarkDamaged();
  if (marked == Work::kDone) return marked;
  const Work released = marked == Work::kLater ? marked : ReleaseSegments();
  if (released == Work::kDone) return released;
  const Work prepared = PrepareSegment();
  if (prepared == Work::kDone) return prepared;
  const bool failed = released == Work::kLater || prepared == Work::kLater;
  Snapshot snapshot;
  {
    base::MutexLock lock(state_.mutex);
    if (!state_.quarantine.Unmarked().empty()) return failed ? Work::kLater : Work::kDone;
    if (state_.settled_since_checkpoint == 0) {
      state_.housekeep_idle = !failed;
      return failed ? Work::kLater : Work::kIdle;
    }
    if (state_.clock.Now() < checkpoint_at_ + kCheckpointInterval) return Work::kLater;
    snapshot = TakeSnapshot();
  }
  return Save(snapshot) && !failed ? Work::kDone : Work::kLater;
}

Work WalJournal::PrepareSegment() {
  uint64_t number = 0;
  std::optional<uint64_t> bytes;
  {
    base::MutexLock lock(state_.mutex);
    if (state_.tail.Prepared() >= kPreparedMin || !state_.tail.AcceptsPrepared()) return Work::kIdle;
    bytes = NextSegmentBytes();
    if (!bytes && state_.quarantine.Files() == 0) return Work::kIdle;
    if (bytes) number = state_.next_segment++;
  }
  if (!bytes) return CheckQuarantine();
  auto file = MakeSegment(state_.directory, number, *bytes);
  if (!file) {
    if (!std::exchange(housekeep_faulty_, true)) {
      state_.log.Write(
          LogLevel::kError, "wal",
          IsOutOfFiles(file.error())
              ? kOutOfFiles
              : "wal.dir (WAL_DIR): a segment can't be prepared; requests are rejected when the last is full",
          {{"error", std::system_category().message(file.error())}});
    }
    return Work::kLater;
  }
  housekeep_faulty_ = false;
  bool wake_commit = false;
  {
    base::MutexLock lock(state_.mutex);
    AddPrepared({{number, *bytes, std::move(*file)}});
    wake_commit = !state_.tail.Empty() && LogState::WakeIfIdle(state_.commit_idle);
  }
  if (wake_commit) state_.wake(Role::kCommit);
  return Work::kDone;
}

// Runs before a checkpoint marks lost events as settled: without the mark the next run would treat the rest
// of their segment as sound and reuse its file.
Work WalJournal::MarkDamaged() {
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
    if (auto made = state_.directory.Create(MarkName(number)); done && !made)
      done = std::unexpected(made.error());
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

// Runs when the log is full and quarantined files use some of its space. They may be the only copy of some
// events, so only the operator may move them away; then they no longer count.
Work WalJournal::CheckQuarantine() {
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

// Removes, recycles or quarantines the settled segments.
Work WalJournal::ReleaseSegments() {
  std::vector<SegmentTable::Key> releasable;
  std::set<uint64_t> marks;
  Snapshot snapshot;
  {
    base::MutexLock lock(state_.mutex);
    ReleaseShares();
    if (state_.quarantine.Unmarked().empty()) releasable = SettledSegments();
    if (!releasable.empty()) snapshot = TakeSnapshot();
    for (const SegmentTable::Key& key : releasable) {
      if (state_.segments.Find(key)->damaged) marks.insert(key.number);
    }
  }
  if (releasable.empty()) return Work::kIdle;
  // Both slots must contain this: if a start had to use the older slot, events of a removed segment would
  // look lost.
  DiskResult<void> done = Save(snapshot);
  snapshot.settled_since = 0;
  if (done) done = Save(snapshot);
  for (const SegmentTable::Key& key : releasable) {
    if (done) done = ReleaseSegment(key);
  }
  if (done) done = state_.directory.Sync();
  if (done) {
    for (const SegmentTable::Key& key : releasable) {
      if (marks.contains(key.number)) static_cast<void>(state_.directory.Remove(MarkName(key.number)));
    }
  }
  if (!done) {
    // After a failed sync it is not known whether the new names are on the disk, and the next sync does not
    // tell.
    for (const PreparedSegment& segment : std::exchange(unsynced_prepared_, {})) {
      static_cast<void>(state_.directory.Remove(SegmentName(segment.number)));
    }
    state_.log.Write(LogLevel::kError, "wal", "wal.dir (WAL_DIR): a segment can't be removed; retrying",
                     {{"error", std::system_category().message(done.error())}});
    return Work::kLater;
  }
  bool wake_commit = false;
  {
    base::MutexLock lock(state_.mutex);
    AddPrepared(std::exchange(unsynced_prepared_, {}));
    wake_commit = !state_.tail.Empty() && LogState::WakeIfIdle(state_.commit_idle);
  }
  if (wake_commit) state_.wake(Role::kCommit);
  return Work::kDone;
}

// Quarantines, recycles or removes the segment's file. A recycled file gets a new number and is a prepared
// segment: its old content has another number and salt.
DiskResult<void> WalJournal::ReleaseSegment(const SegmentTable::Key& key) {
  const std::string name = SegmentName(key.number);
  bool damaged = false;
  bool recycle = false;
  uint64_t bytes = 0;
  {
    base::MutexLock lock(state_.mutex);
    const Segment& segment = *state_.segments.Find(key);
    damaged = segment.damaged;
    bytes = segment.header.segment_bytes;
    // A recycled segment that is too small for the newest commit must not be queued before the segment that
    // is made for that commit.
    recycle = !damaged && state_.tail.Prepared() + unsynced_prepared_.size() < kPreparedMax &&
              bytes == state_.options.segment_bytes && state_.last_frame.SegmentBytes() <= bytes;
  }
  std::shared_ptr<File> file;
  if (recycle) {
    if (auto opened = state_.directory.Open(name)) file = std::move(*opened);
  }
  uint64_t recycled_as = 0;
  if (file != nullptr) {
    base::MutexLock lock(state_.mutex);
    recycled_as = state_.next_segment++;
  }
  const DiskResult<void> gone = damaged           ? state_.directory.Rename(name, DamagedName(key.number))
                                : file != nullptr ? state_.directory.Rename(name, SegmentName(recycled_as))
                                                  : state_.directory.Remove(name);
  // ENOENT: the previous attempt removed it, although it reported an error.
  if (!gone && gone.error() != ENOENT) return gone;
  if (file != nullptr && gone) unsynced_prepared_.push_back({recycled_as, bytes, std::move(file)});
  base::MutexLock lock(state_.mutex);
  state_.segments.Remove(key);
  if (damaged) state_.quarantine.Add(key.number, bytes);
  return {};
}

bool WalJournal::IsRetained(const Segment& segment, uint64_t end) const {
  return end + state_.options.retain_events > state_.segments.End() &&
         segment.filled_at > state_.clock.Now() - state_.options.retain_time;
}

// Returns the charges of settled segments. A retained segment returns them too, because it is removed when
// its space is needed. The space of the segment that is being filled can't be reused yet; once all its events
// are settled it is charged to client 0, the anonymous client.
void WalJournal::ReleaseShares() {
  const auto done = state_.segments.TakeNewlyDone();
  if (state_.options.shares == nullptr) return;
  for (const SegmentTable::Key& key : done) {
    if (Segment* const segment = state_.segments.Find(key)) segment->holdings.GiveTo(*state_.options.shares);
  }
  Segment* const newest = state_.segments.Newest();
  if (newest == nullptr || newest->unsettled > 0) return;
  const uint64_t used = newest->header.number == state_.tail.Number() ? newest->holdings.Bytes() : 0;
  newest->holdings.GiveTo(*state_.options.shares);
  if (used > 0) state_.Charge(*newest, 0, used);
}

// Whether a segment of `bytes` may be added. The newest segment may be larger than any that is made now, and
// stays until another one is begun, so it must not prevent that.
bool WalJournal::HasRoomForSegment(uint64_t bytes) const {
  const uint64_t newest = state_.segments.NewestBytes();
  const uint64_t others = state_.DiskBytes() - (newest > state_.options.segment_bytes ? newest : 0);
  return others + bytes <= state_.options.bytes_max;
}

// Size of the next segment; nullopt: there is no room now. The newest commit of a previous run must not wait
// for files that can't be removed before it is rewritten: its old segment and quarantined files. If those
// leave no room, it gets a segment that holds nothing else, beyond the limit. However often the process
// starts, there is only one such segment, because a copy that is alone in its segment is dropped.
std::optional<uint64_t> WalJournal::NextSegmentBytes() const {
  const uint64_t least = state_.last_frame.SegmentBytes();
  const uint64_t wanted = std::max(state_.options.segment_bytes, least);
  if (HasRoomForSegment(wanted)) return wanted;
  if (!state_.last_frame.waiting) return std::nullopt;
  const Segment* const old = state_.segments.At(state_.last_frame.waiting->header.first_position);
  const uint64_t stays = old != nullptr ? old->header.segment_bytes : 0;
  if (stays + state_.quarantine.Bytes() + wanted > state_.options.bytes_max) return least;
  return std::nullopt;
}

// The segments that may be released: not the one that is being filled, and none that checkpoints can't
// contain. A retained segment is only released when the next segment to be prepared needs its space: one at a
// time, the oldest first. Ends and ages increase from one segment to the next, so the loop ends at the first
// segment that stays.
std::vector<SegmentTable::Key> WalJournal::SettledSegments() {
  std::vector<SegmentTable::Key> found;
  for (const SegmentTable::Key& key : state_.segments.Done()) {
    const uint64_t end = state_.segments.EndOf(key);
    if (found.size() == kReleasedMax) break;
    if (state_.HoldsLastFrame(key.number)) continue;
    const bool retained = IsRetained(*state_.segments.Find(key), end);
    if (retained && !(found.empty() && state_.tail.Prepared() < kPreparedMin && !NextSegmentBytes())) break;
    if (!ReserveRelease(key.first_position, end)) break;
    found.push_back(key);
    if (retained) break;
  }
  return found;
}

// Makes every checkpoint from now on contain these positions, which are settled. False: there is no room for
// them.
bool WalJournal::ReserveRelease(uint64_t begin, uint64_t end) {
  const bool joins = begin <= released_.Below() || released_.Contains(begin - 1) || released_.Contains(end);
  const size_t runs_max = state_.options.checkpoint_runs_max - LowestRuns(state_.options.checkpoint_runs_max);
  if (!joins && released_.Runs().size() >= runs_max) return false;
  released_.Mark(begin, end);
  return true;
}

// Finds the positions that a previous run released: between two segments whose numbers don't follow each
// other, up to the second one. `found` is in order.
void WalJournal::FindReleased(std::span<const SegmentHeader> found) {
  const SettledMap& settled = state_.segments.Settled();
  released_ = SettledMap(settled.Below());
  for (size_t i = 1; i < found.size(); ++i) {
    const uint64_t end = found[i].first_position;
    if (found[i].number == found[i - 1].number + 1) continue;
    const auto after = settled.Runs().lower_bound(end);
    if (after == settled.Runs().begin()) continue;
    const auto& [run_begin, run_end] = *std::prev(after);
    if (run_end >= end) released_.Mark(std::max(run_begin, found[i - 1].first_position), end);
  }
}

}  // namespace ei::wal
