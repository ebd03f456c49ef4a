#include "adapters/wal/wal_journal.h"

#include <algorithm>
#include <limits>

#include "adapters/wal/segment_files.h"
#include "base/crc32c.h"

namespace ei::wal {

using app::Appended;
using app::AppendResult;
using domain::EventSlices;

namespace {

constexpr uint64_t kNothingRefused = std::numeric_limits<uint64_t>::max();

IndexEntry EntryOf(const EventSlices& slices, std::string_view bytes) {
  IndexEntry entry;
  entry.crc = base::Crc32c(bytes.substr(slices.offset, slices.size));
  entry.size = slices.size;
  entry.value_size = slices.value_size;
  entry.key_offset = slices.key_offset;
  entry.key_size = slices.key_size;
  entry.trace_size = slices.trace_size;
  entry.key_hash = slices.key_hash;
  entry.id_offset = slices.id_offset;
  entry.id_size = slices.id_size;
  return entry;
}

}  // namespace

WalJournal::WalJournal(const WalOptions& options, Directory& directory, const app::Clock& clock,
                       app::Log& log, uint64_t seed)
    : options_(options),
      directory_(directory),
      clock_(clock),
      log_(log),
      refused_bytes_(kNothingRefused),
      salts_(seed),
      tail_(options.segment_bytes),
      window_(options.lanes) {}

base::Result<std::unique_ptr<WalJournal>> WalJournal::Open(const WalOptions& options, Directory& directory,
                                                           const app::Clock& clock, app::Log& log,
                                                           uint64_t seed) {
  std::unique_ptr<WalJournal> journal(new WalJournal(options, directory, clock, log, seed));
  if (auto recovered = journal->Recover(); !recovered) return std::unexpected(recovered.error());
  while (journal->Keep() == Work::kDone) {
  }  // there is a segment to write to, if the disk has room
  return journal;
}

base::Result<void> WalJournal::Recover() {
  auto found = ReadLog(directory_, options_.segment_bytes);
  if (!found) return std::unexpected(found.error());

  // A process may have died, not the machine: what was read need not be on the disk yet. Now it is, and
  // stays.
  DiskResult<void> synced;
  if (!found->segments.empty()) synced = found->segments.back().file->Sync();
  for (const std::string& name : found->leftovers) {
    if (synced) synced = directory_.Remove(name);
  }
  if (synced) synced = directory_.Sync();
  if (!synced) return std::unexpected(WalFault("can't sync what was found", synced.error()));
  std::optional<Checkpoint> checkpoint;
  auto opened = CheckpointFile::Open(directory_, checkpoint);
  if (!opened) return std::unexpected(WalFault("can't make the checkpoint file", opened.error()));
  checkpoint_ = std::move(*opened);

  base::MutexLock lock(mutex_);
  for (FoundSegment& segment : found->segments) {
    if (segment.damaged) {
      if (auto aside = SetAside(segment); !aside) return aside;
      continue;
    }
    segments_.push_back({segment.header, segment.file});
  }
  for (Spare& spare : found->spares) tail_.AddSpare(std::move(spare));
  next_segment_ = found->next_segment;
  counts_.set_aside += found->set_aside.size();
  settled_ = found->checkpoint.settled;
  next_position_ = found->end;
  durable_end_.store(found->end, std::memory_order_release);
  unsettled_ = settled_.Unsettled(0, found->end);
  counts_.recovered = unsettled_;
  checkpoint_at_ = clock_.Now();
  backlog_ = unsettled_ > 0;
  backlog_from_ = settled_.Below();
  backlog_since_ = clock_.Now();
  load_idle_ = !backlog_;
  // From now on a missing or damaged segment can be told from one that went.
  if (!found->has_checkpoint) {
    if (const auto saved = checkpoint_->Save(TakeSnapshot().checkpoint); !saved) {
      return std::unexpected(WalFault("can't save the first checkpoint", saved.error()));
    }
  }
  if (found->segments.empty() && !found->has_checkpoint) return {};
  log_.Write(app::LogLevel::kInfo, "wal", "the log was recovered",
             {{"events", unsettled_},
              {"segments", uint64_t{segments_.size()}},
              {"torn_end", found->torn},
              {"checkpoint", found->has_checkpoint}});
  return {};
}

base::Result<void> WalJournal::SetAside(const FoundSegment& segment) {
  const uint64_t number = segment.header.number;
  DiskResult<void> renamed = directory_.Rename(SegmentName(number), DamagedName(number));
  if (renamed) renamed = directory_.Sync();
  if (!renamed) return std::unexpected(WalFault("can't set aside " + SegmentName(number), renamed.error()));
  ++counts_.set_aside;
  log_.Write(app::LogLevel::kError, "wal", "a segment's header is damaged: it is set aside, unread",
             {{"segment", DamagedName(number)}});
  return {};
}

Appended WalJournal::Append(const domain::EventBatch& batch, base::SteadyTime now) {
  const std::string& bytes = batch.Bytes();
  const size_t events = batch.Size();
  thread_local std::vector<IndexEntry> index;
  index.clear();
  for (const EventSlices& slices : batch.Events()) index.push_back(EntryOf(slices, bytes));

  uint64_t end = 0;
  bool wake_commit = false;
  bool begun = false;
  {
    base::MutexLock lock(mutex_);
    if (Failed()) return {AppendResult::kFailed};
    if (closed_) return {AppendResult::kClosed};
    if (!tail_.EverFits(bytes.size(), events)) return {AppendResult::kTooLarge};
    // What waits for the disk has a quarter of the memory; one batch always gets through.
    const bool too_much = !tail_.Empty() && tail_.BodyBytes() + bytes.size() > options_.window_bytes_max / 4;
    if (too_much || !tail_.HasRoom(bytes.size(), events)) return Refuse(batch.ClientBytes());

    Piece piece;
    char* const room = TakeRoom(filling_, bytes.size(), memory_bytes_);
    std::copy(bytes.begin(), bytes.end(), room);
    piece.block = filling_;
    piece.bytes = room;
    piece.size = bytes.size();
    piece.events = static_cast<uint32_t>(events);
    piece.accepted_at = now;
    const int64_t wall_now = clock_.WallNow().time_since_epoch().count();
    if (auto segment = tail_.Add(piece, index, next_position_, wall_now, salts_.NextRandom())) {
      segments_.push_back(std::move(*segment));
      begun = true;
    }
    next_position_ += events;
    unsettled_ += events;
    end = next_position_;
    wake_commit = Rouse(commit_idle_);
    if (begun) keep_idle_ = false;
  }
  if (wake_commit) wake_(Role::kCommit);
  if (begun) wake_(Role::kKeep);
  return {AppendResult::kAppended, end};
}

Appended WalJournal::Refuse(uint64_t client_bytes) {
  refused_bytes_.store(tail_.HasRoom(1, 1) ? client_bytes : 0, std::memory_order_relaxed);
  return {AppendResult::kFull};
}

bool WalJournal::Full(uint64_t bytes) const {
  return bytes >= refused_bytes_.load(std::memory_order_relaxed);
}

size_t WalJournal::Take(size_t lane, std::span<app::JournalEvent> out) {
  base::MutexLock lock(mutex_);
  return window_.Take(lane, out);
}

void WalJournal::Settle(std::span<const uint64_t> positions) {
  if (positions.empty()) return;
  bool wake_load = false;
  bool wake_keep = false;
  {
    base::MutexLock lock(mutex_);
    window_.Settle(positions);
    for (size_t i = 0; i < positions.size();) {
      size_t run = i + 1;
      while (run < positions.size() && positions[run] == positions[run - 1] + 1) ++run;
      settled_.Mark(positions[i], positions[run - 1] + 1);
      i = run;
    }
    unsettled_ -= positions.size();
    settled_since_checkpoint_ += positions.size();
    wake_load = backlog_ && MayLoad() && Rouse(load_idle_);
    wake_keep = Rouse(keep_idle_);
  }
  if (wake_load) wake_(Role::kLoad);
  if (wake_keep) wake_(Role::kKeep);
}

void WalJournal::Close() {
  base::MutexLock lock(mutex_);
  closed_ = true;
}

app::JournalStats WalJournal::Stats() const {
  base::MutexLock lock(mutex_);
  app::JournalStats stats;
  stats.events = unsettled_;
  stats.bytes = DiskBytes();
  stats.bytes_max = options_.bytes_max;
  stats.oldest = window_.Oldest();
  if (!stats.oldest && backlog_) stats.oldest = backlog_since_;
  if (!stats.oldest && !tail_.Empty()) stats.oldest = tail_.Oldest()->pieces.front().accepted_at;
  return stats;
}

WalCounts WalJournal::Counts() const {
  base::MutexLock lock(mutex_);
  WalCounts counts = counts_;
  counts.memory_bytes = memory_bytes_.load(std::memory_order_relaxed);
  if (backlog_) counts.backlog_events = settled_.Unsettled(backlog_from_, DurableEnd());
  return counts;
}

bool WalJournal::WindowHasRoom(uint64_t events) const {
  const uint64_t bytes_max = options_.window_bytes_max - options_.window_bytes_max / 4;
  return window_.Events() == 0 || (window_.Events() + events <= options_.window_events_max &&
                                   memory_bytes_.load(std::memory_order_relaxed) <= bytes_max);
}

uint64_t WalJournal::DiskBytes() const {
  uint64_t bytes = (tail_.Spares() + counts_.set_aside) * options_.segment_bytes;
  for (const Segment& segment : segments_) bytes += segment.header.segment_bytes;
  return bytes;
}

void WalJournal::WakeLanes(uint64_t filled_lanes) const {
  for (size_t lane = 0; filled_lanes != 0 && lane < options_.lanes; ++lane) {
    if (filled_lanes >> (lane % 64) & 1) lane_filled_(lane);
  }
}

// The log keeps wall time; an age is measured on the steady clock.
base::SteadyTime WalJournal::SteadyOf(int64_t wall_nanos) const {
  const int64_t age = clock_.WallNow().time_since_epoch().count() - wall_nanos;
  return clock_.Now() - base::Duration(std::max<int64_t>(age, 0));
}

}  // namespace ei::wal
