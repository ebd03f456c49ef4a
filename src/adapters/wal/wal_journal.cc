#include "adapters/wal/wal_journal.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>
#include <system_error>

#include "adapters/wal/segment_files.h"

namespace ei::wal {

namespace {

// Deferred events, in windows (WalOptions::window_events_max).
constexpr uint64_t kDeferredWindowsMax = 4;

}  // namespace

WalJournal::WalJournal(const WalOptions& options, Directory& directory, const Clock& clock, Log& log,
                       uint64_t seed)
    : options_(options),
      directory_(directory),
      clock_(clock),
      log_(log),
      completions_({options.awaited_events_max, options.shares, options.window}),
      salts_(seed),
      tail_(options.segment_bytes, options.topic),
      window_(options.lanes, block_bytes_),
      deferred_(kDeferredWindowsMax * options.window_events_max) {}

base::Result<std::unique_ptr<WalJournal>> WalJournal::Open(const WalOptions& options, Directory& directory,
                                                           const Clock& clock, Log& log, uint64_t seed) {
  std::unique_ptr<WalJournal> journal(new WalJournal(options, directory, clock, log, seed));
  if (auto recovered = journal->Recover(); !recovered) return std::unexpected(recovered.error());
  return journal;
}

base::Result<void> WalJournal::Recover() {
  auto found = ReadLog(directory_);
  if (!found) return std::unexpected(found.error());
  if (const auto made = Resync(*found); !made) {
    return std::unexpected(WalFault("can't prepare the recovered log for writing", made.error()));
  }
  for (const FoundSegment& segment : found->segments) {
    if (!segment.damaged) continue;
    log_.Write(LogLevel::kError, "wal", "a segment's header is damaged: it is quarantined, unread",
               {{"segment", DamagedName(segment.header.number)}});
  }
  if (!found->segments.empty() || found->has_checkpoint) {
    log_.Write(LogLevel::kInfo, "wal", "the log was recovered",
               {{"end_position", found->end},
                {"segments", uint64_t{found->segments.size()}},
                {"torn_end", found->torn}});
  }
  if (const auto& newest = found->last_frame) LogTopic(newest->header, newest->end.topic);
  {
    base::MutexLock lock(mutex_);
    Install(*found);
  }
  while (Housekeep() == Work::kDone) {
  }  // now there is a segment to write to, if the disk has room
  return {};
}

// Makes the recovered state durable. The previous process may have died before it synced, or its sync may
// have failed, after which the kernel shows bytes that it will never write and the next sync reports nothing.
// So everything that this run builds upon is written again: prepared segments are removed and others made,
// and the checkpoint gets a new file; AddPrepared rewrites the newest commit.
DiskResult<void> WalJournal::Resync(FoundLog& found) {
  DiskResult<void> done;
  for (const std::string& name : found.leftovers) {
    if (done) done = directory_.Remove(name);
  }
  for (const FoundSegment& segment : found.segments) {
    if (!segment.damaged || !done) continue;
    done = directory_.Rename(SegmentName(segment.header.number), DamagedName(segment.header.number));
    found.quarantined.push_back({segment.header.number, segment.header.segment_bytes});
  }
  // Removed before there is a checkpoint, because with one they would be applied.
  if (done && !found.has_checkpoint) done = RemoveSent(directory_, std::exchange(found.sent, {}));
  if (!done) return done;
  found.checkpoint.next_segment = found.next_segment;
  auto checkpoint = CheckpointFile::Renew(directory_, found.checkpoint);
  if (!checkpoint && checkpoint.error() == ENOSPC && found.has_checkpoint) {
    checkpoint = CheckpointFile::Reuse(directory_);
    if (checkpoint) done = checkpoint->Save(found.checkpoint);
  }
  if (!checkpoint) return std::unexpected(checkpoint.error());
  if (!done) return done;
  checkpoint_ = std::move(*checkpoint);
  BeginSent(found);
  // Removed before lost positions are assigned again: the old notes about them refer to other events.
  return RemoveSent(directory_, found.sent);
}

// Begins the new files of notes. If the process is killed from here on, both the old and the new files may
// exist; they have the same content.
void WalJournal::BeginSent(FoundLog& found) {
  if (found.sent.fault) {
    log_.Write(LogLevel::kWarn, "wal",
               "wal.dir (WAL_DIR): some notes of sent events can't be read: events may be delivered twice",
               {{"error", std::system_category().message(*found.sent.fault)}});
  }
  sent_files_.next_number = found.sent.next_number;
  sent_files_.file_bytes = options_.sent_file_bytes;
  std::vector<std::vector<SentBatch>> unsettled(options_.lanes);
  uint64_t sent_end = 0;
  for (FoundBatch& found_batch : found.sent.unsettled) {
    const auto& [lane, lanes] = found_batch.by;
    if (lanes != options_.lanes || lane >= lanes) continue;
    sent_end = std::max(sent_end, found_batch.batch.positions.back() + 1);
    unsettled[lane].push_back(std::move(found_batch.batch));
  }
  {
    const base::MutexLock lock(mutex_);
    sent_end_ = sent_end;
  }
  const SettledMap none;
  for (uint32_t lane = 0; lane < options_.lanes; ++lane) {
    const SentHeader header{.lane = lane, .lanes = static_cast<uint32_t>(options_.lanes)};
    sent_.push_back(std::make_unique<LaneSentLog>(header, std::move(unsettled[lane]), sent_files_, directory_,
                                                  clock_, log_));
    sent_.back()->Begin(lane == 0 ? found.checkpoint.settled : none,
                        LowestRuns(options_.checkpoint_runs_max));
  }
}

void WalJournal::Install(FoundLog& found) {
  std::vector<SegmentHeader> headers;
  for (const FoundSegment& segment : found.segments) {
    if (!segment.damaged) headers.push_back(segment.header);
  }
  segments_.Recover(headers, std::move(found.checkpoint.settled), found.end, clock_.Now());
  FindReleased(headers);
  for (const SegmentHeader& header : headers) Charge(*segments_.Find(KeyOf(header)), 0, header.segment_bytes);
  for (const FoundSegment& segment : found.segments) {
    if (segment.marked && !segment.damaged) segments_.Find(KeyOf(segment.header))->damaged = true;
  }
  if (!headers.empty()) last_frame_segment_ = KeyOf(headers.back());
  next_segment_ = found.next_segment;
  for (const QuarantinedFile& file : found.quarantined) {
    if (quarantined_.emplace(file.number, file.bytes).second) quarantined_bytes_ += file.bytes;
  }
  found_end_ = found.end;
  counts_.recovered = segments_.Unsettled();
  checkpoint_at_ = clock_.Now();
  last_frame_ = std::move(found.last_frame);
  const uint64_t durable_end = last_frame_ ? last_frame_->header.first_position : found.end;
  durable_end_.store(durable_end, std::memory_order_release);
  backlog_ = segments_.Settled().Below() < durable_end;
  backlog_from_ = segments_.Settled().Below();
  backlog_since_ = clock_.Now();
  StoreHints();
}

// Adds prepared segments. When the first one is added, the newest commit that the start found is written into
// it: rewriting it in place could tear it. Until the copy is durable its old segment stays, and nothing is
// appended.
void WalJournal::AddPrepared(std::vector<PreparedSegment> segments) {
  for (PreparedSegment& segment : segments) tail_.AddPrepared(std::move(segment));
  rejected_bytes_.store(kNothingRejected, std::memory_order_relaxed);
  if (!last_frame_ || !tail_.HasRoom(last_frame_->bodies.size(), last_frame_->end.index.size())) return;
  const LastFrame last = std::move(*last_frame_);
  last_frame_.reset();
  BatchSlice piece;
  const std::string_view topic = TopicIfDifferent(last.end.topic);
  char* const room = window_.Room(last.bodies.size() + topic.size());
  std::copy(last.bodies.begin(), last.bodies.end(), room);
  std::copy(topic.begin(), topic.end(), room + last.bodies.size());
  piece.from_disk = true;
  piece.topic = {room + last.bodies.size(), topic.size()};
  piece.block = window_.Filling();
  piece.bytes = room;
  piece.size = last.bodies.size();
  piece.events = last.header.events;
  piece.accepted_at = SteadyOf(last.header.accepted_at);
  const uint64_t used = tail_.Used();
  const uint64_t left = tail_.RoomInSegment();
  const auto begun = tail_.AddRecovered(piece, last.end, last.header.first_position, last.header.accepted_at,
                                        salts_.NextRandom());
  assert(begun.has_value());  // this run has not begun a segment before
  NoteAdded(piece, used, left, begun, clock_.Now());
  rewritten_last_frame_ = last.header;
}

void WalJournal::NoteDamaged(Segment& segment) {
  if (!std::exchange(segment.damaged, true)) unmarked_.push_back(segment.header.number);
}

bool WalJournal::Forget(Waiter& waiter) {
  const base::MutexLock lock(mutex_);
  return completions_.Forget(waiter);
}

void WalJournal::StoreHints() {
  events_.store(segments_.Unsettled(), std::memory_order_relaxed);
  deferred_events_.store(deferred_.Events(), std::memory_order_relaxed);
  segment_bytes_.store(segments_.Bytes(), std::memory_order_relaxed);
}

bool WalJournal::Full(uint64_t bytes) const {
  return bytes >= rejected_bytes_.load(std::memory_order_relaxed);
}

// The memory is no reason, as events of stalled partitions leave it.
bool WalJournal::AboveHighWatermark() const {
  return segment_bytes_.load(std::memory_order_relaxed) > options_.bytes_max / 2 ||
         deferred_events_.load(std::memory_order_relaxed) >
             kDeferredWindowsMax * options_.window_events_max / 2;
}

void WalJournal::SetStalls(std::vector<StalledTopic> stalls) {
  bool wake_read_back = false;
  {
    base::MutexLock lock(mutex_);
    deferred_.UseStalls(std::move(stalls));
    wake_read_back = MayReadBack() && WakeIfIdle(read_back_idle_);
  }
  if (wake_read_back) wake_(Role::kReadBack);
}

size_t WalJournal::Take(size_t lane, std::span<JournalEvent> out) {
  bool wake_read_back = false;
  size_t taken = 0;
  {
    base::MutexLock lock(mutex_);
    taken = window_.Take(lane, out);
    // The memory of previously taken events was released by Take.
    wake_read_back = MayReadBack() && WakeIfIdle(read_back_idle_);
  }
  if (wake_read_back) wake_(Role::kReadBack);
  return taken;
}

void WalJournal::Settle(const SettledEvents& settled) {
  const std::span<const uint64_t> positions = settled.positions;
  if (positions.empty()) return;
  bool wake_read_back = false;
  bool wake_housekeep = false;
  {
    DueWakes wakes;
    base::MutexLock lock(mutex_);
    window_.Settle(settled);
    for (size_t i = 0; i < positions.size();) {
      size_t run = i + 1;
      while (run < positions.size() && positions[run] == positions[run - 1] + 1) ++run;
      segments_.Settle(positions[i], positions[run - 1] + 1);
      i = run;
    }
    StoreHints();
    settled_since_checkpoint_ += positions.size();
    wake_read_back = MayReadBack() && WakeIfIdle(read_back_idle_);
    wake_housekeep = WakeIfIdle(housekeep_idle_);
    completions_.Settle(settled, wakes);
  }
  if (wake_read_back) wake_(Role::kReadBack);
  if (wake_housekeep) wake_(Role::kHousekeep);
}

void WalJournal::Close() {
  base::MutexLock lock(mutex_);
  closed_ = true;
}

JournalStats WalJournal::Stats() const {
  base::MutexLock lock(mutex_);
  JournalStats stats;
  stats.events = segments_.Unsettled();
  stats.bytes = DiskBytes();
  stats.bytes_max = options_.bytes_max;
  stats.oldest = window_.Oldest();
  if (const auto deferred = deferred_.Oldest()) {
    stats.oldest = std::min(stats.oldest.value_or(*deferred), *deferred);
  }
  if (!stats.oldest && backlog_) stats.oldest = backlog_since_;
  if (!stats.oldest && !tail_.Empty()) stats.oldest = tail_.Oldest()->pieces.front().accepted_at;
  return stats;
}

WalCounts WalJournal::Counts() const {
  base::MutexLock lock(mutex_);
  WalCounts counts = counts_;
  counts.set_aside = quarantined_.size();
  counts.unsynced_events = segments_.End() - DurableEnd();
  counts.memory_bytes = window_.Bytes();
  counts.deferred_events = deferred_.Events();
  counts.backlog_events = counts.deferred_events;
  if (backlog_) counts.backlog_events += segments_.Settled().Unsettled(backlog_from_, DurableEnd());
  return counts;
}

bool WalJournal::WindowHasRoom(uint64_t events) const {
  const uint64_t bytes_max = options_.window_bytes_max - options_.window_bytes_max / 4;
  return window_.Events() == 0 || (window_.Events() + events <= options_.window_events_max &&
                                   window_.Bytes() + events * kEventOverheadBytes <= bytes_max);
}

uint64_t WalJournal::DiskBytes() const {
  return segments_.Bytes() + tail_.PreparedBytes() + quarantined_bytes_;
}

// Converts a wall time of the log to the steady clock. The result may lie before that clock's beginning. A
// time before 1970 counts as 1970.
base::SteadyTime WalJournal::SteadyOf(int64_t wall_nanos) const {
  const int64_t age = clock_.WallNow().time_since_epoch().count() - std::max<int64_t>(wall_nanos, 0);
  return clock_.Now() - base::Duration(std::max<int64_t>(age, 0));
}

}  // namespace ei::wal
