#include "adapters/wal/segment_releaser.h"

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "adapters/wal/segment_files.h"

namespace ei::wal {

namespace {

constexpr size_t kPreparedMax = 2;      // recycled segments; further ones are removed
constexpr size_t kReleasedMax = 1'000;  // segments that are released after one checkpoint

}  // namespace

Work SegmentReleaser::Release() {
  std::vector<SegmentTable::Key> releasable;
  std::set<uint64_t> marks;
  CheckpointSaver::Snapshot snapshot;
  {
    base::MutexLock lock(state_.mutex);
    ReleaseShares();
    if (state_.quarantine.Unmarked().empty()) releasable = SettledSegments();
    if (!releasable.empty()) snapshot = checkpoints_.Take(state_);
    for (const SegmentTable::Key& key : releasable) {
      if (state_.segments.Find(key)->damaged) marks.insert(key.number);
    }
  }
  if (releasable.empty()) return Work::kIdle;
  // Both slots must contain this: if a start had to use the older slot, events of a removed segment would
  // look lost.
  DiskResult<void> done = checkpoints_.Save(snapshot);
  snapshot.settled_since = 0;
  if (done) done = checkpoints_.Save(snapshot);
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
    for (const PreparedSegment& segment : std::exchange(recycled_, {})) {
      static_cast<void>(state_.directory.Remove(SegmentName(segment.number)));
    }
    state_.log.Write(LogLevel::kError, "wal", "wal.dir (WAL_DIR): a segment can't be removed; retrying",
                     {{"error", std::system_category().message(done.error())}});
    return Work::kLater;
  }
  preparer_.Add(std::exchange(recycled_, {}));
  return Work::kDone;
}

// Quarantines, recycles or removes the segment's file. A recycled file gets a new number and is a prepared
// segment: its old content has another number and salt.
DiskResult<void> SegmentReleaser::ReleaseSegment(const SegmentTable::Key& key) {
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
    recycle = !damaged && state_.tail.Prepared() + recycled_.size() < kPreparedMax &&
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
  if (file != nullptr && gone) recycled_.push_back({recycled_as, bytes, std::move(file)});
  base::MutexLock lock(state_.mutex);
  state_.segments.Remove(key);
  if (damaged) state_.quarantine.Add(key.number, bytes);
  return {};
}

bool SegmentReleaser::IsRetained(const Segment& segment, uint64_t end) const {
  return end + state_.options.retain_events > state_.segments.End() &&
         segment.filled_at > state_.clock.Now() - state_.options.retain_time;
}

// Returns the charges of settled segments. A retained segment returns them too, because it is removed when
// its space is needed. The space of the segment that is being filled can't be reused yet; once all its events
// are settled it is charged to client 0, the anonymous client.
void SegmentReleaser::ReleaseShares() {
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

// Whether the next segment has to be prepared and there is no room for it.
bool SegmentReleaser::IsSpaceNeeded() const {
  return state_.tail.Prepared() < kPreparedMin && !NextSegmentBytes(state_);
}

// The segments that may be released: not the one that is being filled, and none that checkpoints can't
// contain. A retained segment is only released when the next segment to be prepared needs its space: one at a
// time, the oldest first. Ends and ages increase from one segment to the next, so the loop ends at the first
// segment that stays.
std::vector<SegmentTable::Key> SegmentReleaser::SettledSegments() {
  std::vector<SegmentTable::Key> found;
  for (const SegmentTable::Key& key : state_.segments.Done()) {
    const uint64_t end = state_.segments.EndOf(key);
    if (found.size() == kReleasedMax) break;
    if (state_.HoldsLastFrame(key.number)) continue;
    const bool retained = IsRetained(*state_.segments.Find(key), end);
    if (retained && !(found.empty() && IsSpaceNeeded())) break;
    if (!checkpoints_.ReserveRelease(key.first_position, end)) break;
    found.push_back(key);
    if (retained) break;
  }
  return found;
}

}  // namespace ei::wal
