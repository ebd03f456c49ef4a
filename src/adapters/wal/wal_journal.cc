#include "adapters/wal/wal_journal.h"

#include <algorithm>
#include <system_error>

#include "adapters/wal/segment_files.h"

namespace ei::wal {

WalJournal::WalJournal(const WalOptions& options, Directory& directory, const Clock& clock, Log& log,
                       uint64_t seed)
    : state_(options, directory, clock, log, seed),
      appender_(state_),
      committer_(state_),
      backlog_reader_(state_),
      checkpoints_(state_, sent_files_),
      housekeeper_(state_, checkpoints_) {}

base::Result<std::unique_ptr<WalJournal>> WalJournal::Open(const WalOptions& options, Directory& directory,
                                                           const Clock& clock, Log& log, uint64_t seed) {
  std::unique_ptr<WalJournal> journal(new WalJournal(options, directory, clock, log, seed));
  if (auto recovered = journal->Recover(); !recovered) return std::unexpected(recovered.error());
  return journal;
}

base::Result<void> WalJournal::Recover() {
  auto found = ReadLog(state_.directory);
  if (!found) return std::unexpected(found.error());
  if (const auto made = Resync(*found); !made) {
    return std::unexpected(WalFault("can't prepare the recovered log for writing", made.error()));
  }
  for (const FoundSegment& segment : found->segments) {
    if (!segment.damaged) continue;
    state_.log.Write(LogLevel::kError, "wal", "a segment's header is damaged: it is quarantined, unread",
                     {{"segment", DamagedName(segment.header.number)}});
  }
  if (!found->segments.empty() || found->has_checkpoint) {
    state_.log.Write(LogLevel::kInfo, "wal", "the log was recovered",
                     {{"end_position", found->end},
                      {"segments", uint64_t{found->segments.size()}},
                      {"torn_end", found->torn}});
  }
  if (const auto& newest = found->last_frame) backlog_reader_.LogTopic(newest->header, newest->end.topic);
  {
    base::MutexLock lock(state_.mutex);
    Install(*found);
  }
  while (Housekeep() == Work::kDone) {
  }  // now there is a segment to write to, if the disk has room
  return {};
}

// Makes the recovered state durable. The previous process may have died before it synced, or its sync may
// have failed, after which the kernel shows bytes that it will never write and the next sync reports nothing.
// So everything that this run builds upon is written again: prepared segments are removed and others made,
// and the checkpoint gets a new file; LastFrameCopy is about the newest commit.
DiskResult<void> WalJournal::Resync(FoundLog& found) {
  DiskResult<void> done;
  for (const std::string& name : found.leftovers) {
    if (done) done = state_.directory.Remove(name);
  }
  for (const FoundSegment& segment : found.segments) {
    if (!segment.damaged || !done) continue;
    done = state_.directory.Rename(SegmentName(segment.header.number), DamagedName(segment.header.number));
    found.quarantined.push_back({segment.header.number, segment.header.segment_bytes});
  }
  // Removed before there is a checkpoint, because with one they would be applied.
  if (done && !found.has_checkpoint) done = RemoveSent(state_.directory, std::exchange(found.sent, {}));
  if (!done) return done;
  found.checkpoint.next_segment = found.next_segment;
  if (done = checkpoints_.Begin(found); !done) return done;
  BeginSent(found);
  // Removed before lost positions are assigned again: the old notes about them refer to other events.
  return RemoveSent(state_.directory, found.sent);
}

// Begins the new files of notes. If the process is killed from here on, both the old and the new files may
// exist; they have the same content.
void WalJournal::BeginSent(FoundLog& found) {
  if (found.sent.fault) {
    state_.log.Write(
        LogLevel::kWarn, "wal",
        "wal.dir (WAL_DIR): some notes of sent events can't be read: events may be delivered twice",
        {{"error", std::system_category().message(*found.sent.fault)}});
  }
  sent_files_.next_number = found.sent.next_number;
  sent_files_.file_bytes = state_.options.sent_file_bytes;
  std::vector<std::vector<SentBatch>> unsettled(state_.options.lanes);
  uint64_t sent_end = 0;
  for (FoundBatch& found_batch : found.sent.unsettled) {
    const auto& [lane, lanes] = found_batch.by;
    if (lanes != state_.options.lanes || lane >= lanes) continue;
    sent_end = std::max(sent_end, found_batch.batch.positions.back() + 1);
    unsettled[lane].push_back(std::move(found_batch.batch));
  }
  {
    const base::MutexLock lock(state_.mutex);
    state_.durable.sent_end = sent_end;
  }
  const SettledMap none;
  for (uint32_t lane = 0; lane < state_.options.lanes; ++lane) {
    const SentHeader header{.lane = lane, .lanes = static_cast<uint32_t>(state_.options.lanes)};
    sent_.push_back(std::make_unique<LaneSentLog>(header, std::move(unsettled[lane]), sent_files_,
                                                  state_.directory, state_.clock, state_.log));
    sent_.back()->Begin(lane == 0 ? found.checkpoint.settled : none,
                        LowestRuns(state_.options.checkpoint_runs_max));
  }
}

void WalJournal::Install(FoundLog& found) {
  std::vector<SegmentHeader> headers;
  for (const FoundSegment& segment : found.segments) {
    if (!segment.damaged) headers.push_back(segment.header);
  }
  state_.segments.Recover(headers, std::move(found.checkpoint.settled), found.end, state_.clock.Now());
  checkpoints_.FindReleased(headers, state_.segments.Settled());
  for (const SegmentHeader& header : headers) {
    state_.Charge(*state_.segments.Find(KeyOf(header)), 0, header.segment_bytes);
  }
  for (const FoundSegment& segment : found.segments) {
    if (segment.marked && !segment.damaged) state_.segments.Find(KeyOf(segment.header))->damaged = true;
  }
  if (!headers.empty()) state_.last_frame.segment = KeyOf(headers.back());
  state_.next_segment = found.next_segment;
  for (const QuarantinedFile& file : found.quarantined) state_.quarantine.Add(file.number, file.bytes);
  state_.last_frame.found_end = found.end;
  state_.counts.recovered = state_.segments.Unsettled();
  state_.last_frame.waiting = std::move(found.last_frame);
  const uint64_t durable_end =
      state_.last_frame.waiting ? state_.last_frame.waiting->header.first_position : found.end;
  state_.durable_end.store(durable_end, std::memory_order_release);
  state_.durable.backlog.exists = state_.segments.Settled().Below() < durable_end;
  state_.durable.backlog.from = state_.segments.Settled().Below();
  state_.durable.backlog.since = state_.clock.Now();
  state_.StoreHints();
}

bool WalJournal::Forget(Waiter& waiter) {
  const base::MutexLock lock(state_.mutex);
  return state_.completions.Forget(waiter);
}

bool WalJournal::Full(uint64_t bytes) const {
  return bytes >= state_.hints.rejected_bytes.load(std::memory_order_relaxed);
}

// The memory is no reason, as events of stalled partitions leave it.
bool WalJournal::AboveHighWatermark() const {
  return state_.hints.segment_bytes.load(std::memory_order_relaxed) > state_.options.bytes_max / 2 ||
         state_.hints.deferred_events.load(std::memory_order_relaxed) >
             kDeferredWindowsMax * state_.options.window_events_max / 2;
}

void WalJournal::SetStalls(std::vector<StalledTopic> stalls) {
  bool wake_read_back = false;
  {
    base::MutexLock lock(state_.mutex);
    state_.durable.deferred.UseStalls(std::move(stalls));
    wake_read_back = state_.WakeReadBack();
  }
  if (wake_read_back) state_.wake(Role::kReadBack);
}

size_t WalJournal::Take(size_t lane, std::span<JournalEvent> out) {
  bool wake_read_back = false;
  size_t taken = 0;
  {
    base::MutexLock lock(state_.mutex);
    taken = state_.durable.window.Take(lane, out);
    // The memory of previously taken events was released by Take.
    wake_read_back = state_.WakeReadBack();
  }
  if (wake_read_back) state_.wake(Role::kReadBack);
  return taken;
}

void WalJournal::Settle(const SettledEvents& settled) {
  const std::span<const uint64_t> positions = settled.positions;
  if (positions.empty()) return;
  bool wake_read_back = false;
  bool wake_housekeep = false;
  {
    DueWakes wakes;
    base::MutexLock lock(state_.mutex);
    state_.durable.window.Settle(settled);
    for (size_t i = 0; i < positions.size();) {
      size_t run = i + 1;
      while (run < positions.size() && positions[run] == positions[run - 1] + 1) ++run;
      state_.segments.Settle(positions[i], positions[run - 1] + 1);
      i = run;
    }
    state_.StoreHints();
    state_.settled_since_checkpoint += positions.size();
    wake_read_back = state_.WakeReadBack();
    wake_housekeep = LogState::WakeIfIdle(state_.housekeep_idle);
    state_.completions.Settle(settled, wakes);
  }
  if (wake_read_back) state_.wake(Role::kReadBack);
  if (wake_housekeep) state_.wake(Role::kHousekeep);
}

void WalJournal::Close() {
  base::MutexLock lock(state_.mutex);
  state_.closed = true;
}

JournalStats WalJournal::Stats() const {
  base::MutexLock lock(state_.mutex);
  JournalStats stats;
  stats.events = state_.segments.Unsettled();
  stats.bytes = state_.DiskBytes();
  stats.bytes_max = state_.options.bytes_max;
  stats.oldest = state_.durable.Oldest();
  if (!stats.oldest && !state_.tail.Empty()) stats.oldest = state_.tail.Oldest()->pieces.front().accepted_at;
  return stats;
}

WalCounts WalJournal::Counts() const {
  base::MutexLock lock(state_.mutex);
  WalCounts counts = state_.counts;
  counts.set_aside = state_.quarantine.Files();
  counts.unsynced_events = state_.segments.End() - state_.DurableEnd();
  counts.memory_bytes = state_.durable.window.Bytes();
  counts.deferred_events = state_.durable.deferred.Events();
  counts.backlog_events = counts.deferred_events;
  if (state_.durable.backlog.exists)
    counts.backlog_events +=
        state_.segments.Settled().Unsettled(state_.durable.backlog.from, state_.DurableEnd());
  return counts;
}

}  // namespace ei::wal
