// Keep: how the log gets its segments, and how they go.

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>
#include <system_error>

#include "adapters/wal/segment_files.h"
#include "adapters/wal/wal_journal.h"

namespace ei::wal {

namespace {

// What a crash can make be delivered twice, at most: what was delivered within this time.
constexpr auto kCheckpointInterval = std::chrono::milliseconds(100);
constexpr size_t kSparesMin = 1;
constexpr size_t kSparesMax = 2;  // from segments that are needed no more; the others are removed
constexpr uint64_t kSetAsideMax = 4;
constexpr size_t kCheckpointRunsMax = 4'000;  // as many as surely fit

}  // namespace

Work WalJournal::Keep() {
  const Work gone = LetSegmentsGo();
  // Segments are used in the order of their numbers: none is made while a lower one waits for its name.
  if (gone == Work::kDone || !unsynced_spares_.empty()) return gone;
  if (const Work work = PrepareSegment(); work != Work::kIdle) return work;
  if (gone == Work::kLater) return gone;
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    if (settled_since_checkpoint_ == 0) {
      keep_idle_ = true;
      return Work::kIdle;
    }
    if (clock_.Now() < checkpoint_at_ + kCheckpointInterval) return Work::kLater;
    snapshot = TakeSnapshot();
  }
  return Save(snapshot) ? Work::kDone : Work::kLater;
}

Work WalJournal::PrepareSegment() {
  uint64_t number = 0;
  {
    base::MutexLock lock(mutex_);
    if (tail_.Spares() >= kSparesMin || DiskBytes() + options_.segment_bytes > options_.bytes_max) {
      return Work::kIdle;
    }
    number = next_segment_++;
  }
  auto file = MakeSegment(directory_, number, options_.segment_bytes);
  if (!file) {
    if (!std::exchange(keep_faulty_, true)) {
      log_.Write(app::LogLevel::kError, "wal",
                 "wal.dir (WAL_DIR): a segment can't be prepared; requests are refused when the last is full",
                 {{"error", std::system_category().message(file.error())}});
    }
    return Work::kLater;
  }
  keep_faulty_ = false;
  base::MutexLock lock(mutex_);
  tail_.AddSpare({number, std::move(*file)});
  refused_bytes_.store(std::numeric_limits<uint64_t>::max(), std::memory_order_relaxed);
  return Work::kDone;
}

// Of too many runs a checkpoint holds the lowest; a segment beyond them stays until gaps before it are
// closed.
Work WalJournal::LetSegmentsGo() {
  std::vector<Segment> going;
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    if (!SettledSegments(settled_).empty()) {
      snapshot = TakeSnapshot();
      going = SettledSegments(snapshot.checkpoint.settled);
    }
  }
  if (going.empty() && unsynced_spares_.empty()) return Work::kIdle;
  DiskResult<void> done;
  // Into both slots: whichever of them is damaged, the other one knows that these segments are not missing.
  for (int slot = 0; slot < 2 && done && !going.empty(); ++slot) {
    done = Save(snapshot);
    snapshot.settled_since = 0;
  }
  for (const Segment& segment : going) {
    if (done) done = LetGo(segment);
  }
  if (done) done = directory_.Sync();
  if (!done) {
    log_.Write(app::LogLevel::kError, "wal", "wal.dir (WAL_DIR): a segment can't be removed; trying again",
               {{"error", std::system_category().message(done.error())}});
    return Work::kLater;
  }
  base::MutexLock lock(mutex_);
  for (Spare& spare : unsynced_spares_) tail_.AddSpare(std::move(spare));
  unsynced_spares_.clear();
  refused_bytes_.store(std::numeric_limits<uint64_t>::max(), std::memory_order_relaxed);
  return Work::kDone;
}

// Under a new number it is a prepared segment again: what stands in it has another number and salt.
DiskResult<void> WalJournal::LetGo(const Segment& segment) {
  const uint64_t number = segment.header.number;
  uint64_t recycled_as = 0;
  bool set_aside = false;
  {
    base::MutexLock lock(mutex_);
    set_aside = segment.damaged && counts_.set_aside < kSetAsideMax;
    if (!segment.damaged && tail_.Spares() + unsynced_spares_.size() < kSparesMax &&
        segment.header.segment_bytes == options_.segment_bytes) {
      recycled_as = next_segment_++;
    }
  }
  const std::string name = SegmentName(number);
  const DiskResult<void> gone = set_aside         ? directory_.Rename(name, DamagedName(number))
                                : recycled_as > 0 ? directory_.Rename(name, SegmentName(recycled_as))
                                                  : directory_.Remove(name);
  // ENOENT: it went the time before, although that gave a fault.
  if (!gone && gone.error() != ENOENT) return gone;
  if (recycled_as > 0 && gone) unsynced_spares_.push_back({recycled_as, segment.file});
  base::MutexLock lock(mutex_);
  std::erase_if(segments_, [&](const Segment& other) { return other.header.number == number; });
  counts_.set_aside += set_aside ? 1 : 0;
  return {};
}

// Not the one that is being filled.
std::vector<Segment> WalJournal::SettledSegments(const SettledMap& settled) const {
  std::vector<Segment> found;
  for (auto it = segments_.begin(); it != segments_.end(); ++it) {
    const auto next = std::next(it);
    const uint64_t end = next != segments_.end() ? next->header.first_position : next_position_;
    if (it->header.number != tail_.Number() && settled.Unsettled(it->header.first_position, end) == 0) {
      found.push_back(*it);
    }
  }
  return found;
}

WalJournal::Snapshot WalJournal::TakeSnapshot() {
  Snapshot snapshot;
  snapshot.checkpoint.durable_end = DurableEnd();
  snapshot.checkpoint.next_segment = next_segment_;
  snapshot.checkpoint.settled = settled_.Lowest(kCheckpointRunsMax);
  snapshot.settled_since = settled_since_checkpoint_;
  checkpoint_at_ = clock_.Now();
  return snapshot;
}

DiskResult<void> WalJournal::Save(const Snapshot& snapshot) {
  const auto saved = checkpoint_->Save(snapshot.checkpoint);
  if (!saved) {
    log_.Write(app::LogLevel::kError, "wal", "wal.dir (WAL_DIR): the checkpoint can't be saved; trying again",
               {{"error", std::system_category().message(saved.error())}});
    return saved;
  }
  base::MutexLock lock(mutex_);
  settled_since_checkpoint_ -= snapshot.settled_since;
  return saved;
}

void WalJournal::Finish() {
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    snapshot = TakeSnapshot();
  }
  static_cast<void>(Save(snapshot));
}

}  // namespace ei::wal
