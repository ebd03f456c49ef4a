// Keep: how the log gets its segments, and how they go.

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <set>
#include <system_error>

#include "adapters/wal/disk_errors.h"
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
constexpr size_t kGoingMax = 1'000;  // segments that go after one checkpoint

}  // namespace

Work WalJournal::NoteCopy() {
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    if (copy_ != Copy::kSynced) return Work::kIdle;
    snapshot = TakeSnapshot();
    snapshot.checkpoint.durable_end =
        std::max(rewritten_last_frame_.first_position + rewritten_last_frame_.events, found_end_);
  }
  if (!Save(snapshot)) return Work::kLater;
  {
    base::MutexLock lock(mutex_);
    copy_ = Copy::kNoted;
    commit_idle_ = false;
  }
  wake_(Role::kCommit);
  return Work::kDone;
}

Work WalJournal::Housekeep() {
  if (const Work noted = NoteCopy(); noted != Work::kIdle) return noted;
  const Work marked = MarkDamaged();
  if (marked == Work::kDone) return marked;
  const Work gone = marked == Work::kLater ? marked : LetSegmentsGo();
  if (gone == Work::kDone) return gone;
  const Work prepared = PrepareSegment();
  if (prepared == Work::kDone) return prepared;
  const bool refused = gone == Work::kLater || prepared == Work::kLater;
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    if (!unmarked_.empty()) return refused ? Work::kLater : Work::kDone;
    if (settled_since_checkpoint_ == 0) {
      housekeep_idle_ = !refused;
      return refused ? Work::kLater : Work::kIdle;
    }
    if (clock_.Now() < checkpoint_at_ + kCheckpointInterval) return Work::kLater;
    snapshot = TakeSnapshot();
  }
  return Save(snapshot) && !refused ? Work::kDone : Work::kLater;
}

Work WalJournal::PrepareSegment() {
  uint64_t number = 0;
  std::optional<uint64_t> bytes;
  {
    base::MutexLock lock(mutex_);
    if (tail_.Spares() >= kSparesMin || !tail_.TakesSpares()) return Work::kIdle;
    bytes = NextSegmentBytes();
    if (!bytes && quarantined_.empty()) return Work::kIdle;
    if (bytes) number = next_segment_++;
  }
  if (!bytes) return CheckQuarantine();
  auto file = MakeSegment(directory_, number, *bytes);
  if (!file) {
    if (!std::exchange(housekeep_faulty_, true)) {
      log_.Write(
          LogLevel::kError, "wal",
          IsOutOfFiles(file.error())
              ? kOutOfFiles
              : "wal.dir (WAL_DIR): a segment can't be prepared; requests are refused when the last is full",
          {{"error", std::system_category().message(file.error())}});
    }
    return Work::kLater;
  }
  housekeep_faulty_ = false;
  bool wake_commit = false;
  {
    base::MutexLock lock(mutex_);
    AddSpares({{number, *bytes, std::move(*file)}});
    wake_commit = !tail_.Empty() && WakeIfIdle(commit_idle_);
  }
  if (wake_commit) wake_(Role::kCommit);
  return Work::kDone;
}

// Before a checkpoint says that lost events need nothing more: the next life would take what is left of their
// segment for sound, and use its file again.
Work WalJournal::MarkDamaged() {
  std::vector<uint64_t> numbers;
  {
    base::MutexLock lock(mutex_);
    numbers = unmarked_;
  }
  if (numbers.empty()) return Work::kIdle;
  DiskResult<void> done;
  for (const uint64_t number : numbers) {
    if (!done) break;
    // One that a failed sync may have left is not on the disk.
    if (auto gone = directory_.Remove(MarkName(number)); !gone && gone.error() != ENOENT) done = gone;
    if (auto made = directory_.Create(MarkName(number)); done && !made) done = std::unexpected(made.error());
  }
  if (done) done = directory_.Sync();
  if (!done) {
    if (!std::exchange(mark_faulty_, true)) {
      log_.Write(
          LogLevel::kError, "wal",
          "wal.dir (WAL_DIR): a damaged segment can't be marked; trying again, and no checkpoint is saved "
          "before",
          {{"error", std::system_category().message(done.error())}});
    }
    return Work::kLater;
  }
  mark_faulty_ = false;
  base::MutexLock lock(mutex_);
  std::erase_if(unmarked_, [&](uint64_t number) { return std::ranges::count(numbers, number) > 0; });
  return Work::kDone;
}

// The log is full, and files that were set aside take some of its room. They may be all that is left of
// events, so only the operator moves them away; then they count no longer.
Work WalJournal::CheckQuarantine() {
  if (clock_.Now() < check_quarantine_at_) return Work::kLater;
  check_quarantine_at_ = clock_.Now() + kLookAsideInterval;
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
    gone = std::erase_if(quarantined_, [&](const auto& file) REQUIRES(mutex_) {
      if (there.contains(file.first)) return false;
      quarantined_bytes_ -= file.second;
      return true;
    });
    left = quarantined_.size();
  }
  if (gone > 0) {
    quarantine_logged_ = false;
    return Work::kDone;
  }
  if (!std::exchange(quarantine_logged_, true)) {
    log_.Write(
        LogLevel::kError, "wal",
        "wal.dir (WAL_DIR): the log is full, and damaged segments that were set aside take room in it: "
        "look at them (event-ingestor wal verify), then move them away or delete them",
        {{"files", uint64_t{left}}, {"wal_bytes_max", options_.bytes_max}});
  }
  return Work::kLater;
}

// Its only sure copy may be the old one.
bool WalJournal::HoldsLastFrame(uint64_t segment) const {
  if (last_frame_) return last_frame_->header.segment == segment;
  return rewritten_last_frame_.segment == segment &&
         DurableEnd() < rewritten_last_frame_.first_position + rewritten_last_frame_.events;
}

// Of too many runs a checkpoint holds the lowest; a segment beyond them stays until gaps before it are
// closed.
Work WalJournal::LetSegmentsGo() {
  std::vector<SegmentTable::Key> going;
  std::set<uint64_t> marks;
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    GiveBackShares();
    if (unmarked_.empty()) going = SettledSegments();
    if (!going.empty()) snapshot = TakeSnapshot();
    for (const SegmentTable::Key& key : going) {
      if (segments_.Find(key)->damaged) marks.insert(key.number);
    }
  }
  if (going.empty()) return Work::kIdle;
  // Into both slots: without what the newest one says, events of a segment that is gone would look lost.
  DiskResult<void> done = Save(snapshot);
  snapshot.settled_since = 0;
  if (done) done = Save(snapshot);
  for (const SegmentTable::Key& key : going) {
    if (done) done = LetGo(key);
  }
  if (done) done = directory_.Sync();
  if (done) {
    for (const SegmentTable::Key& key : going) {
      if (marks.contains(key.number)) static_cast<void>(directory_.Remove(MarkName(key.number)));
    }
  }
  if (!done) {
    // A sync that failed says nothing about the names before it, and the next one neither.
    for (const PreparedSegment& spare : std::exchange(unsynced_spares_, {})) {
      static_cast<void>(directory_.Remove(SegmentName(spare.number)));
    }
    log_.Write(LogLevel::kError, "wal", "wal.dir (WAL_DIR): a segment can't be removed; trying again",
               {{"error", std::system_category().message(done.error())}});
    return Work::kLater;
  }
  bool wake_commit = false;
  {
    base::MutexLock lock(mutex_);
    AddSpares(std::exchange(unsynced_spares_, {}));
    wake_commit = !tail_.Empty() && WakeIfIdle(commit_idle_);
  }
  if (wake_commit) wake_(Role::kCommit);
  return Work::kDone;
}

// Under a new number it is a prepared segment again: what stands in it has another number and salt.
DiskResult<void> WalJournal::LetGo(const SegmentTable::Key& key) {
  const std::string name = SegmentName(key.number);
  bool damaged = false;
  bool recycle = false;
  uint64_t bytes = 0;
  {
    base::MutexLock lock(mutex_);
    const Segment& segment = *segments_.Find(key);
    damaged = segment.damaged;
    bytes = segment.header.segment_bytes;
    // One that the newest commit has no room in would be before the one that is made for it.
    recycle = !damaged && tail_.Spares() + unsynced_spares_.size() < kSparesMax &&
              bytes == options_.segment_bytes && LastFrameSegmentBytes() <= bytes;
  }
  std::shared_ptr<File> file;
  if (recycle) {
    if (auto opened = directory_.Open(name)) file = std::move(*opened);
  }
  uint64_t recycled_as = 0;
  if (file != nullptr) {
    base::MutexLock lock(mutex_);
    recycled_as = next_segment_++;
  }
  const DiskResult<void> gone = damaged           ? directory_.Rename(name, DamagedName(key.number))
                                : file != nullptr ? directory_.Rename(name, SegmentName(recycled_as))
                                                  : directory_.Remove(name);
  // ENOENT: it went the time before, although that gave a fault.
  if (!gone && gone.error() != ENOENT) return gone;
  if (file != nullptr && gone) unsynced_spares_.push_back({recycled_as, bytes, std::move(file)});
  base::MutexLock lock(mutex_);
  segments_.Remove(key);
  if (damaged && quarantined_.emplace(key.number, bytes).second) quarantined_bytes_ += bytes;
  return {};
}

bool WalJournal::IsRetained(const Segment& segment, uint64_t end) const {
  return end + options_.retain_events > segments_.End() &&
         segment.filled_at > clock_.Now() - options_.retain_time;
}

// A segment that is retained gives back what is settled all the same: it goes when its room is needed. Of the
// one that is being filled nobody can use it again yet, and it is nobody's.
void WalJournal::GiveBackShares() {
  const auto done = segments_.TakeNewlyDone();
  if (options_.shares == nullptr) return;
  for (const SegmentTable::Key& key : done) {
    if (Segment* const segment = segments_.Find(key)) segment->holdings.GiveTo(*options_.shares);
  }
  Segment* const newest = segments_.Newest();
  if (newest == nullptr || newest->unsettled > 0) return;
  const uint64_t used = newest->header.number == tail_.Number() ? newest->holdings.Bytes() : 0;
  newest->holdings.GiveTo(*options_.shares);
  if (used > 0) Hold(*newest, 0, used);
}

// The newest segment may be larger than any that is made now, and stays until another one is begun: it must
// not be in the way of that.
bool WalJournal::HasRoomForSegment(uint64_t bytes) const {
  const uint64_t newest = segments_.NewestBytes();
  const uint64_t others = DiskBytes() - (newest > options_.segment_bytes ? newest : 0);
  return others + bytes <= options_.bytes_max;
}

// What the newest commit of an earlier life needs, while it waits to be written again: its own segment may
// have been larger than those that are made now.
uint64_t WalJournal::LastFrameSegmentBytes() const {
  if (!last_frame_) return 0;
  return kSegmentHeaderBytes + LogTail::BytesAgain(last_frame_->bodies.size(), last_frame_->end);
}

// nullopt: there is no room now. The newest commit must not wait for what can't go before it: its own old
// segment, and files that were set aside. Then it gets a segment that holds nothing else, beyond the limit:
// however often the process starts, there is only one such segment, as a copy that stands alone is dropped.
std::optional<uint64_t> WalJournal::NextSegmentBytes() const {
  const uint64_t least = LastFrameSegmentBytes();
  const uint64_t wanted = std::max(options_.segment_bytes, least);
  if (HasRoomForSegment(wanted)) return wanted;
  if (!last_frame_) return std::nullopt;
  const Segment* const old = segments_.At(last_frame_->header.first_position);
  const uint64_t stays = old != nullptr ? old->header.segment_bytes : 0;
  if (stays + quarantined_bytes_ + wanted > options_.bytes_max) return least;
  return std::nullopt;
}

// Not the one that is being filled, and none that a checkpoint can't tell of. Of those that are retained one
// at a time, the oldest first, when the next segment to be prepared needs its room. Both ends and ages rise
// from one to the next, so the first that stays is the last to be looked at.
std::vector<SegmentTable::Key> WalJournal::SettledSegments() {
  std::vector<SegmentTable::Key> found;
  const uint64_t told_end = segments_.Settled().LowestEnd(kCheckpointRunsMax);
  for (const SegmentTable::Key& key : segments_.Done()) {
    const uint64_t end = segments_.EndOf(key);
    if (end > told_end || found.size() == kGoingMax) break;
    if (HoldsLastFrame(key.number)) continue;
    if (IsRetained(*segments_.Find(key), end)) {
      const bool needed = tail_.Spares() < kSparesMin && !NextSegmentBytes();
      if (found.empty() && needed) found.push_back(key);
      break;
    }
    found.push_back(key);
  }
  return found;
}

WalJournal::Snapshot WalJournal::TakeSnapshot() {
  Snapshot snapshot;
  snapshot.checkpoint.durable_end = DurableEnd();
  snapshot.checkpoint.next_segment = next_segment_;
  snapshot.checkpoint.settled = segments_.Settled().Lowest(kCheckpointRunsMax);
  snapshot.settled_since = settled_since_checkpoint_;
  snapshot.number = sent_files_.snapshots.fetch_add(1, std::memory_order_relaxed) + 1;
  snapshot.sent_end = segments_.Settled().AlwaysLowestEnd(kCheckpointRunsMax);
  checkpoint_at_ = clock_.Now();
  return snapshot;
}

DiskResult<void> WalJournal::Save(const Snapshot& snapshot) {
  assert(checkpoint_.has_value());  // since Recover
  DiskResult<void> saved = checkpoint_->Save(snapshot.checkpoint);
  if (saved) saved = checkpoint_->Confirm(directory_);
  if (!saved && saved.error() == ENOENT) {
    log_.Write(LogLevel::kWarn, "wal",
               "wal.dir (WAL_DIR): the checkpoint was moved or removed by somebody else; it is made again",
               {{"file", kCheckpointName}});
    auto renewed = CheckpointFile::Renew(directory_, snapshot.checkpoint);
    if (renewed) checkpoint_ = std::move(*renewed);
    saved = renewed ? directory_.Sync() : std::unexpected(renewed.error());
  }
  if (!saved) {
    log_.Write(LogLevel::kError, "wal", "wal.dir (WAL_DIR): the checkpoint can't be saved; trying again",
               {{"error", std::system_category().message(saved.error())}});
    return saved;
  }
  sent_files_.saved_end.store(snapshot.sent_end, std::memory_order_relaxed);
  sent_files_.saved.store(snapshot.number, std::memory_order_release);
  base::MutexLock lock(mutex_);
  settled_since_checkpoint_ -= snapshot.settled_since;
  return saved;
}

bool WalJournal::Finish() {
  if (MarkDamaged() == Work::kLater) return false;
  Snapshot snapshot;
  {
    base::MutexLock lock(mutex_);
    snapshot = TakeSnapshot();
  }
  return Save(snapshot).has_value();
}

}  // namespace ei::wal
