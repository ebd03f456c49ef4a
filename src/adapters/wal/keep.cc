// Keep: how the log gets its segments, and how they go.

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <iterator>
#include <set>
#include <system_error>

#include "adapters/wal/segment_files.h"
#include "adapters/wal/wal_journal.h"

namespace ei::wal {

namespace {

// What a crash can make be delivered twice, at most: what was delivered within this time.
constexpr auto kCheckpointInterval = std::chrono::milliseconds(100);
constexpr size_t kSparesMin = 1;
constexpr size_t kSparesMax = 2;  // from segments that are needed no more; the others are removed
// How often a full log looks whether files that were set aside have been moved away.
constexpr base::Duration kLookAsideInterval = std::chrono::seconds(1);
constexpr size_t kCheckpointRunsMax = 4'000;  // as many as surely fit

}  // namespace

Work WalJournal::Keep() {
  const Work gone = LetSegmentsGo();
  if (gone == Work::kDone) return gone;
  const Work prepared = PrepareSegment();
  if (prepared == Work::kDone) return prepared;
  const bool refused = gone == Work::kLater || prepared == Work::kLater;
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    if (settled_since_checkpoint_ == 0) {
      keep_idle_ = !refused;
      return refused ? Work::kLater : Work::kIdle;
    }
    if (clock_.Now() < checkpoint_at_ + kCheckpointInterval) return Work::kLater;
    snapshot = TakeSnapshot();
  }
  return Save(snapshot) && !refused ? Work::kDone : Work::kLater;
}

Work WalJournal::PrepareSegment() {
  uint64_t number = 0;
  bool crowded_by_aside = false;
  {
    base::MutexLock lock(mutex_);
    if (tail_.Spares() >= kSparesMin) return Work::kIdle;
    const bool room = HasRoomForSegment();
    if (!room && set_aside_.empty()) return Work::kIdle;
    if (room) {
      number = next_segment_++;
    } else {
      crowded_by_aside = true;
    }
  }
  if (crowded_by_aside) return LookAside();
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
  bool wake_commit = false;
  {
    base::MutexLock lock(mutex_);
    AddSpares({{number, std::move(*file)}});
    wake_commit = !tail_.Empty() && Rouse(commit_idle_);
  }
  if (wake_commit) wake_(Role::kCommit);
  return Work::kDone;
}

// The log is full, and files that were set aside take some of its room. They may be all that is left of
// events, so only the operator moves them away; then they count no longer.
Work WalJournal::LookAside() {
  if (clock_.Now() < look_aside_at_) return Work::kLater;
  look_aside_at_ = clock_.Now() + kLookAsideInterval;
  const auto names = directory_.List();
  if (!names) return Work::kLater;
  std::set<uint64_t> there;
  for (const std::string& name : *names) {
    if (const auto number = DamagedNumber(name)) there.insert(*number);
  }
  size_t left = 0;
  size_t gone = 0;
  {
    base::MutexLock lock(mutex_);
    gone = std::erase_if(set_aside_, [&](uint64_t number) { return !there.contains(number); });
    left = set_aside_.size();
  }
  if (gone > 0) {
    aside_told_ = false;
    return Work::kDone;
  }
  if (!std::exchange(aside_told_, true)) {
    log_.Write(
        app::LogLevel::kError, "wal",
        "wal.dir (WAL_DIR): the log is full, and damaged segments that were set aside take room in it: "
        "look at them (event-ingestor wal verify), then move them away or delete them",
        {{"files", uint64_t{left}}, {"wal_bytes_max", options_.bytes_max}});
  }
  return Work::kLater;
}

// Its only sure copy may be the old one.
bool WalJournal::HoldsLastFrame(uint64_t segment) const {
  if (last_frame_) return last_frame_->header.segment == segment;
  return appended_again_.segment == segment &&
         DurableEnd() < appended_again_.first_position + appended_again_.events;
}

// Of too many runs a checkpoint holds the lowest; a segment beyond them stays until gaps before it are
// closed.
Work WalJournal::LetSegmentsGo() {
  std::vector<Segment> going;
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    GiveBackShares();
    if (!SettledSegments(settled_).empty()) {
      snapshot = TakeSnapshot();
      going = SettledSegments(snapshot.checkpoint.settled);
    }
  }
  if (going.empty()) return Work::kIdle;
  // Into both slots: without what the newest one says, events of a segment that is gone would look lost.
  DiskResult<void> done = Save(snapshot);
  snapshot.settled_since = 0;
  if (done) done = Save(snapshot);
  for (const Segment& segment : going) {
    if (done) done = LetGo(segment);
  }
  if (done) done = directory_.Sync();
  if (!done) {
    // A sync that failed says nothing about the names before it, and the next one neither.
    for (const Spare& spare : std::exchange(unsynced_spares_, {})) {
      static_cast<void>(directory_.Remove(SegmentName(spare.number)));
    }
    log_.Write(app::LogLevel::kError, "wal", "wal.dir (WAL_DIR): a segment can't be removed; trying again",
               {{"error", std::system_category().message(done.error())}});
    return Work::kLater;
  }
  bool wake_commit = false;
  {
    base::MutexLock lock(mutex_);
    AddSpares(std::exchange(unsynced_spares_, {}));
    wake_commit = !tail_.Empty() && Rouse(commit_idle_);
  }
  if (wake_commit) wake_(Role::kCommit);
  return Work::kDone;
}

// Under a new number it is a prepared segment again: what stands in it has another number and salt.
DiskResult<void> WalJournal::LetGo(const Segment& segment) {
  const uint64_t number = segment.header.number;
  uint64_t recycled_as = 0;
  bool set_aside = false;
  {
    base::MutexLock lock(mutex_);
    set_aside = segment.damaged;
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
  if (set_aside) set_aside_.push_back(number);
  return {};
}

bool WalJournal::IsRetained(const Segment& segment, uint64_t end) const {
  return end + options_.retain_events > next_position_ &&
         segment.filled_at > clock_.Now() - options_.retain_time;
}

// A segment that is retained gives back what is settled all the same: it goes when its room is needed. Of the
// one that is being filled nobody can use it again yet, and it is nobody's.
void WalJournal::GiveBackShares() {
  if (options_.shares == nullptr) return;
  for (auto it = segments_.begin(); it != segments_.end(); ++it) {
    if (settled_.Unsettled(it->header.first_position, EndOf(it)) > 0) continue;
    const uint64_t used = it->header.number == tail_.Number() ? it->holdings->Bytes() : 0;
    it->holdings->GiveTo(*options_.shares);
    if (used == 0) continue;
    it->holdings->Add(0, 0, used);
    options_.shares->Take(0, app::Shared::kJournalBytes, used);
  }
}

uint64_t WalJournal::EndOf(const std::deque<Segment>::const_iterator& segment) const {
  const auto next = std::next(segment);
  return next != segments_.end() ? next->header.first_position : next_position_;
}

bool WalJournal::HasRoomForSegment() const {
  return DiskBytes() + options_.segment_bytes <= options_.bytes_max;
}

// Not the one that is being filled. Of those that are retained one at a time, the oldest first, when the next
// segment to be prepared needs its room.
std::vector<Segment> WalJournal::SettledSegments(const SettledMap& settled) const {
  std::vector<Segment> found;
  const Segment* retained = nullptr;
  for (auto it = segments_.begin(); it != segments_.end(); ++it) {
    const uint64_t end = EndOf(it);
    if (it->header.number != tail_.Number() && !HoldsLastFrame(it->header.number) &&
        settled.Unsettled(it->header.first_position, end) == 0) {
      if (!IsRetained(*it, end)) {
        found.push_back(*it);
      } else if (retained == nullptr) {
        retained = &*it;
      }
    }
  }
  if (found.empty() && retained != nullptr && tail_.Spares() < kSparesMin && !HasRoomForSegment()) {
    found.push_back(*retained);
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
  assert(checkpoint_.has_value());  // since Recover
  DiskResult<void> saved = checkpoint_->Save(snapshot.checkpoint);
  if (saved) saved = checkpoint_->Confirm(directory_);
  if (!saved && saved.error() == ENOENT) {
    log_.Write(app::LogLevel::kWarn, "wal",
               "wal.dir (WAL_DIR): the checkpoint was moved or removed by somebody else; it is made again",
               {{"file", kCheckpointName}});
    auto renewed = CheckpointFile::Renew(directory_, snapshot.checkpoint);
    if (renewed) checkpoint_ = std::move(*renewed);
    saved = renewed ? directory_.Sync() : std::unexpected(renewed.error());
  }
  if (!saved) {
    log_.Write(app::LogLevel::kError, "wal", "wal.dir (WAL_DIR): the checkpoint can't be saved; trying again",
               {{"error", std::system_category().message(saved.error())}});
    return saved;
  }
  base::MutexLock lock(mutex_);
  settled_since_checkpoint_ -= snapshot.settled_since;
  return saved;
}

bool WalJournal::Finish() {
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    snapshot = TakeSnapshot();
  }
  return Save(snapshot).has_value();
}

}  // namespace ei::wal
