#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/wal/appender.h"
#include "adapters/wal/backlog_reader.h"
#include "adapters/wal/checkpoint.h"
#include "adapters/wal/committer.h"
#include "adapters/wal/deferred_events.h"
#include "adapters/wal/disk.h"
#include "adapters/wal/event_window.h"
#include "adapters/wal/log_state.h"
#include "adapters/wal/log_tail.h"
#include "adapters/wal/recovery.h"
#include "adapters/wal/retained_event.h"
#include "adapters/wal/segment_scanner.h"
#include "adapters/wal/segment_table.h"
#include "adapters/wal/sent_log.h"
#include "adapters/wal/wal_counts.h"
#include "adapters/wal/wal_options.h"
#include "adapters/wal/wal_role.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "clients/client_shares.h"
#include "event/uuid_v7.h"
#include "journal/completions.h"
#include "journal/journal.h"

namespace ei::wal {

// The journal of ack level `wal`. A batch joins the current frame. The frame is written to the log and synced
// as a whole; only then are its events taken and its requests answered.
//
// Invariants:
// - In the segment that is being filled, the space of settled events is charged to no client. So the space
//   that is charged to no client is available.
// - A segment's file is removed only after a checkpoint that contains all of its events as settled; a
//   retained segment only when its space is needed.
// - The file of a segment with lost events is quarantined; this class never removes it.
// - Open files: the segment that is being filled, a few that are prepared or wait for their commit, the two
//   that are read back, the checkpoint, and one file of notes for each lane.
//
// A pure state machine over its ports. Three roles do the disk work: Commit, ReadBack and Housekeep. Each
// role may be run by one thread at a time. WalThreads or the simulator runs them.
class WalJournal final : public Journal {
 public:
  using Role = wal::Role;

  // Opens the log and recovers its events. `seed` generates the salts of the segments: it must not be known
  // to clients. The references must outlive the journal.
  static base::Result<std::unique_ptr<WalJournal>> Open(const WalOptions& options, Directory& directory,
                                                        const Clock& clock, Log& log, uint64_t seed);

  // Visits the newest events of the log, settled or not, oldest first, as far as WalOptions retains them;
  // events that can't be read are skipped. To be called before Append and before any role runs (retained.cc).
  void ReadRetained(const std::function<void(const RetainedEvent&)>& visit) const;

  using Journal::Append;
  Appended Append(const AppendRequest& request, base::SteadyTime now) override {
    return appender_.Append(request, now);
  }
  bool Forget(Waiter& waiter) override;
  uint64_t DurableEnd() const override { return state_.DurableEnd(); }
  void OnFailed(std::function<void()> callback) override { state_.on_failed = std::move(callback); }
  bool Failed() const override { return state_.Failed(); }
  bool Full(uint64_t bytes) const override;
  bool TooManyAwaited() const override { return state_.completions.Full(); }
  bool AboveHighWatermark() const override;
  void SetStalls(std::vector<StalledTopic> stalls) override;
  size_t Take(size_t lane, std::span<JournalEvent> out) override;
  void Settle(const SettledEvents& settled) override;
  SentLog* Sent(size_t lane) override { return sent_[lane].get(); }
  void OnLaneFilled(std::function<void(size_t lane)> wake) override { state_.lane_filled = std::move(wake); }
  void Close() override;

  // `bytes` is disk space; `events_max` is 0, because only the bytes are bounded.
  JournalStats Stats() const override;
  uint64_t Events() const override { return state_.hints.events.load(std::memory_order_relaxed); }
  WalCounts Counts() const;

  // `wake` is called when a role gets work, from any thread, without a lock held. Set before use. At the
  // start every role has work.
  void OnWork(std::function<void(Role)> wake) { state_.wake = std::move(wake); }

  Work Commit() { return committer_.Commit(); }

  Work ReadBack() { return backlog_reader_.ReadBack(); }

  // Prepares the next segment, saves checkpoints, and removes or recycles settled segments (housekeep.cc).
  Work Housekeep();

  // Saves the last checkpoint, so that a restart delivers nothing twice and can tell damage from a torn end
  // (save_checkpoint.cc). False: it could not be saved. Must not run concurrently with Housekeep.
  bool Finish();

 private:
  // A checkpoint that is being saved.
  struct Snapshot {
    Checkpoint checkpoint;
    uint64_t settled_since = 0;  // events settled between the previous checkpoint and this one
    uint64_t number = 0;         // see SentFiles::snapshots
    uint64_t sent_end = 0;       // for SentFiles::saved_end
  };

  WalJournal(const WalOptions& options, Directory& directory, const Clock& clock, Log& log, uint64_t seed);
  base::Result<void> Recover();
  DiskResult<void> Resync(FoundLog& found);
  void BeginSent(FoundLog& found);
  void Install(FoundLog& found) REQUIRES(state_.mutex);
  void AddPrepared(std::vector<PreparedSegment> segments) REQUIRES(state_.mutex);

  Work SaveCopyCheckpoint();

  bool IsRetained(const Segment& segment, uint64_t end) const REQUIRES(state_.mutex);
  bool HasRoomForSegment(uint64_t bytes) const REQUIRES(state_.mutex);
  std::optional<uint64_t> NextSegmentBytes() const REQUIRES(state_.mutex);
  Work PrepareSegment();
  Work CheckQuarantine();
  Work MarkDamaged();
  Work ReleaseSegments();
  void ReleaseShares() REQUIRES(state_.mutex);
  DiskResult<void> ReleaseSegment(const SegmentTable::Key& key);
  std::vector<SegmentTable::Key> SettledSegments() REQUIRES(state_.mutex);
  bool ReserveRelease(uint64_t begin, uint64_t end) REQUIRES(state_.mutex);
  void FindReleased(std::span<const SegmentHeader> found) REQUIRES(state_.mutex);
  Snapshot TakeSnapshot() REQUIRES(state_.mutex);
  DiskResult<void> Save(const Snapshot& snapshot);

  LogState state_;
  Appender appender_;
  Committer committer_;
  BacklogReader backlog_reader_;
  SentFiles sent_files_;
  std::vector<std::unique_ptr<LaneSentLog>> sent_;  // one for each lane

  std::optional<CheckpointFile> checkpoint_;  // Housekeep's
  // Housekeep's: recycled segments whose new names are not yet on the disk.
  std::vector<PreparedSegment> unsynced_prepared_;
  bool housekeep_faulty_ = false;  // Housekeep's: the failure was logged
  bool mark_faulty_ = false;       // Housekeep's: the failure was logged
  // Housekeep's: logged that quarantined files use the space of new segments
  bool quarantine_logged_ = false;
  base::SteadyTime check_quarantine_at_;  // Housekeep's

  // Positions of segments that were released, or are to be, above the first unsettled one. Every checkpoint
  // contains them: a start takes positions without a file for lost unless they are settled.
  SettledMap released_ GUARDED_BY(state_.mutex);
  base::SteadyTime checkpoint_at_ GUARDED_BY(state_.mutex);
};

}  // namespace ei::wal
