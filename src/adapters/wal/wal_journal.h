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

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/deferred_events.h"
#include "adapters/wal/disk.h"
#include "adapters/wal/event_window.h"
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
// - A position that was assigned never names another event, also across restarts.
// - Synced bytes are never written again: a frame begins at a sector boundary, and only one frame at a time
//   waits for its sync. So a crash can tear only the last frame, which was not acknowledged.
// - An event is in memory, or it lies behind the cursor on the disk: memory holds a window of the log, and
//   events that do not fit are read back in order. Events that a previous run had already sent are read back
//   even if the window is full: they fitted into memory then, and a batch can only be sent again as a whole.
// - Events of a stalled partition stay on the disk (DeferredEvents), however many others are read back after
//   them. A second cursor reads them again once their partition accepts events. Those that a previous run had
//   sent are not deferred.
// - A client is charged with the bytes by which its batches make the log longer, including padding and the
//   unused rest of a segment that they end, until all events of the segment are settled. In the segment that
//   is being filled, the space of settled events is charged to no client. So the space that is charged to no
//   client is available.
// - A segment's file is removed only after a checkpoint that contains all of its events as settled; a
//   retained segment only when its space is needed.
// - An event counts as lost only if its place was read and holds no event with a right checksum. The file
//   of its segment is quarantined; this class never removes it.
// - Open files: the segment that is being filled, a few that are prepared or wait for their commit, the two
//   that are read back, the checkpoint, and one file of notes for each lane. No operation under the mutex
//   iterates over all segments.
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
  Appended Append(const AppendRequest& request, base::SteadyTime now) override;  // append.cc
  bool Forget(Waiter& waiter) override;
  uint64_t DurableEnd() const override { return durable_end_.load(std::memory_order_acquire); }
  void OnFailed(std::function<void()> callback) override { on_failed_ = std::move(callback); }
  bool Failed() const override { return failed_.load(std::memory_order_acquire); }
  bool Full(uint64_t bytes) const override;
  bool TooManyAwaited() const override { return completions_.Full(); }
  bool AboveHighWatermark() const override;
  void SetStalls(std::vector<StalledTopic> stalls) override;
  size_t Take(size_t lane, std::span<JournalEvent> out) override;
  void Settle(const SettledEvents& settled) override;
  SentLog* Sent(size_t lane) override { return sent_[lane].get(); }
  void OnLaneFilled(std::function<void(size_t lane)> wake) override { lane_filled_ = std::move(wake); }
  void Close() override;

  // `bytes` is disk space; `events_max` is 0, because only the bytes are bounded.
  JournalStats Stats() const override;
  uint64_t Events() const override { return events_.load(std::memory_order_relaxed); }
  WalCounts Counts() const;

  // `wake` is called when a role gets work, from any thread, without a lock held. Set before use. At the
  // start every role has work.
  void OnWork(std::function<void(Role)> wake) { wake_ = std::move(wake); }

  // Writes and syncs the oldest frame (commit.cc).
  Work Commit();

  // Reads events back from the disk while there is room for them in memory (read_back.cc).
  Work ReadBack();

  // Prepares the next segment, saves checkpoints, and removes or recycles settled segments (housekeep.cc).
  Work Housekeep();

  // Saves the last checkpoint, so that a restart delivers nothing twice and can tell damage from a torn end
  // (save_checkpoint.cc). False: it could not be saved. Must not run concurrently with Housekeep.
  bool Finish();

 private:
  // A frame's place in the log.
  struct FramePlace {
    uint64_t segment = 0;
    uint64_t offset = 0;
    uint64_t first_position = 0;
  };

  // State of a cursor that can't read.
  struct ReadFault {
    base::SteadyTime since;
    base::SteadyTime report_at;
    base::SteadyTime retry_at;
    base::Duration pause;
  };

  // Where reading back continues, and the scanner of that segment.
  struct Cursor {
    uint64_t position = 0;
    std::optional<SegmentHeader> segment;  // nullopt: no segment contains the position
    FramePlace start;                      // a frame at or before the position
    std::unique_ptr<File> file;            // opened on demand
    std::unique_ptr<SegmentScanner> scanner;
    std::optional<ReadFault> fault;
    // Being filled; released under the mutex, because it may be reused while events are taken.
    std::shared_ptr<EventBlock> block;
  };

  // Progress of rewriting the newest commit that the start found.
  enum class Copy : uint8_t {
    kNone,          // there is no copy, or it isn't synced yet
    kSynced,        // synced, but no checkpoint says so yet
    kCheckpointed,  // a checkpoint says that it is durable
  };

  // One frame that was read back, and the positions that are missing before or within it.
  struct Loaded {
    std::vector<JournalEvent> events;
    std::vector<std::pair<uint64_t, uint64_t>> missing;  // from, to
    uint64_t end = 0;
    std::shared_ptr<EventBlock> block;  // holds the bytes of the events
  };

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
  void Install(FoundLog& found) REQUIRES(mutex_);
  void AddPrepared(std::vector<PreparedSegment> segments) REQUIRES(mutex_);

  void NoteDamaged(Segment& segment) REQUIRES(mutex_);
  bool IsWithinShare(const EventBatch& batch) const REQUIRES(mutex_);
  void Charge(Segment& segment, ClientNumber client, uint64_t bytes) REQUIRES(mutex_);
  void NoteAdded(const BatchSlice& piece, uint64_t used, uint64_t room,
                 const std::optional<SegmentHeader>& begun, base::SteadyTime now) REQUIRES(mutex_);
  std::optional<AppendResult> WhyRejected(const EventBatch& batch) REQUIRES(mutex_);
  bool Store(const EventBatch& batch, std::span<const IndexEntry> index, base::SteadyTime now)
      REQUIRES(mutex_);
  AppendResult RejectFull(uint64_t client_bytes) REQUIRES(mutex_);
  bool WindowHasRoom(uint64_t events) const REQUIRES(mutex_);

  std::optional<bool> WriteAndSync(const PendingFrame& frame, uint64_t& bytes);
  Work AwaitCopyCheckpoint(uint64_t bytes);
  Work SaveCopyCheckpoint();
  DiskResult<void> WriteFrame(const PendingFrame& frame, uint64_t& bytes);
  void StoreHints() REQUIRES(mutex_);
  void Publish(const PendingFrame& frame, uint64_t& filled_lanes) REQUIRES(mutex_);
  uint64_t CountMissing(uint64_t position) REQUIRES(mutex_);
  void Fail(std::string_view what, int error);

  bool WindowIsLow() const REQUIRES(mutex_);
  bool MayReadBacklog() const REQUIRES(mutex_);
  bool MayReturn() const REQUIRES(mutex_);
  bool MayReadBack() const REQUIRES(mutex_) { return MayReadBacklog() || MayReturn(); }
  bool Defer(const JournalEvent& event) REQUIRES(mutex_);
  std::string_view TopicOf(const JournalEvent& event) const {
    return event.topic.empty() ? std::string_view(options_.topic) : event.topic;
  }
  Cursor* NextCursor(base::SteadyTime now) REQUIRES(mutex_);
  uint64_t PointCursor(Cursor& cursor) REQUIRES(mutex_);
  DiskResult<Loaded> ReadFrame(Cursor& cursor, uint64_t limit);
  static void Rewind(Cursor& cursor);
  DiskResult<void> OpenCursor(Cursor& cursor);
  void NoteReadFault(Cursor& cursor, int error);
  void NoteReadable(Cursor& cursor);
  void CountUnreadable();
  // The topic of a frame if it differs from the current topic for events that name none; otherwise empty.
  std::string_view TopicIfDifferent(std::string_view topic) const {
    return topic == options_.topic ? std::string_view() : topic;
  }
  void LogTopic(const FrameHeader& frame, const std::string& topic);
  uint64_t Admit(const Loaded& loaded, uint64_t& filled_lanes) REQUIRES(mutex_);
  uint64_t AdmitReturned(const Loaded& loaded, uint64_t& filled_lanes) REQUIRES(mutex_);
  void CountLost(const Cursor& cursor, uint64_t lost) REQUIRES(mutex_);

  bool HoldsLastFrame(uint64_t segment) const REQUIRES(mutex_);
  bool IsRetained(const Segment& segment, uint64_t end) const REQUIRES(mutex_);
  bool HasRoomForSegment(uint64_t bytes) const REQUIRES(mutex_);
  uint64_t LastFrameSegmentBytes() const REQUIRES(mutex_);
  std::optional<uint64_t> NextSegmentBytes() const REQUIRES(mutex_);
  Work PrepareSegment();
  Work CheckQuarantine();
  Work MarkDamaged();
  Work ReleaseSegments();
  void ReleaseShares() REQUIRES(mutex_);
  DiskResult<void> ReleaseSegment(const SegmentTable::Key& key);
  std::vector<SegmentTable::Key> SettledSegments() REQUIRES(mutex_);
  bool ReserveRelease(uint64_t begin, uint64_t end) REQUIRES(mutex_);
  void FindReleased(std::span<const SegmentHeader> found) REQUIRES(mutex_);
  Snapshot TakeSnapshot() REQUIRES(mutex_);
  DiskResult<void> Save(const Snapshot& snapshot);

  // Returns whether the role was idle and must be woken, and marks it as not idle.
  static bool WakeIfIdle(bool& idle) { return std::exchange(idle, false); }
  base::SteadyTime SteadyOf(int64_t wall_nanos) const;
  uint64_t DiskBytes() const REQUIRES(mutex_);

  const WalOptions options_;
  Directory& directory_;
  const Clock& clock_;
  Log& log_;
  std::function<void()> on_failed_ = [] {};
  std::function<void(size_t lane)> lane_filled_ = [](size_t) {};
  std::function<void(Role)> wake_ = [](Role) {};

  static constexpr uint64_t kNothingRejected = std::numeric_limits<uint64_t>::max();
  std::atomic<uint64_t> durable_end_{0};
  std::atomic<bool> failed_{false};
  // Size of the last request that was rejected for lack of room; 0: any request would be. Read by Full()
  // without the lock; may be stale.
  std::atomic<uint64_t> rejected_bytes_{kNothingRejected};
  std::atomic<uint64_t> block_bytes_{0};  // memory of all blocks
  // Written under the mutex; read without the lock.
  std::atomic<uint64_t> events_{0};
  std::atomic<uint64_t> deferred_events_{0};
  std::atomic<uint64_t> segment_bytes_{0};

  SentFiles sent_files_;
  std::vector<std::unique_ptr<LaneSentLog>> sent_;  // one for each lane

  std::string commit_scratch_;                // Commit's
  bool commit_stalled_ = false;               // Commit's: the disk is full, and this was logged
  Cursor cursor_;                             // ReadBack's
  Cursor return_cursor_;                      // ReadBack's: of deferred events
  bool returned_last_ = false;                // ReadBack's: which cursor read last
  bool topic_logged_ = false;                 // ReadBack's
  std::optional<CheckpointFile> checkpoint_;  // Housekeep's
  // Housekeep's: recycled segments whose new names are not yet on the disk.
  std::vector<PreparedSegment> unsynced_prepared_;
  bool housekeep_faulty_ = false;  // Housekeep's: the failure was logged
  bool mark_faulty_ = false;       // Housekeep's: the failure was logged
  // Housekeep's: logged that quarantined files use the space of new segments
  bool quarantine_logged_ = false;
  base::SteadyTime check_quarantine_at_;  // Housekeep's

  mutable base::Mutex mutex_;
  Completions completions_;  // guarded by the mutex, except Full
  UuidV7Generator salts_ GUARDED_BY(mutex_);
  std::optional<LastFrame> last_frame_ GUARDED_BY(mutex_);   // found at the start, waits for a segment
  FrameHeader rewritten_last_frame_ GUARDED_BY(mutex_);      // its header, once it has a segment again
  SegmentTable::Key last_frame_segment_ GUARDED_BY(mutex_);  // the segment in which either was found
  Copy copy_ GUARDED_BY(mutex_) = Copy::kNone;
  uint64_t found_end_ GUARDED_BY(mutex_) = 0;  // where the log ended at the start
  // One past the events that previous runs sent and did not settle.
  uint64_t sent_end_ GUARDED_BY(mutex_) = 0;
  LogTail tail_ GUARDED_BY(mutex_);
  SegmentTable segments_ GUARDED_BY(mutex_);  // segments in use, and which of their events are settled
  uint64_t next_segment_ GUARDED_BY(mutex_) = 0;
  // Numbers of quarantined segments, and the size of each file in bytes.
  std::map<uint64_t, uint64_t> quarantined_ GUARDED_BY(mutex_);
  uint64_t quarantined_bytes_ GUARDED_BY(mutex_) = 0;
  std::vector<uint64_t> unmarked_ GUARDED_BY(mutex_);  // damaged segments that have no mark on the disk yet
  EventWindow window_ GUARDED_BY(mutex_);
  DeferredEvents deferred_ GUARDED_BY(mutex_);
  // Positions of segments that were released, or are to be, above the first unsettled one. Every checkpoint
  // contains them: a start takes positions without a file for lost unless they are settled.
  SettledMap released_ GUARDED_BY(mutex_);
  uint64_t settled_since_checkpoint_ GUARDED_BY(mutex_) = 0;
  base::SteadyTime checkpoint_at_ GUARDED_BY(mutex_);
  // There are durable events on the disk that are not yet in memory.
  bool backlog_ GUARDED_BY(mutex_) = false;
  uint64_t backlog_from_ GUARDED_BY(mutex_) = 0;  // the cursor's position
  FramePlace backlog_start_ GUARDED_BY(mutex_);   // the first frame of the backlog
  base::SteadyTime backlog_since_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  bool commit_idle_ GUARDED_BY(mutex_) = false;
  bool read_back_idle_ GUARDED_BY(mutex_) = false;
  bool housekeep_idle_ GUARDED_BY(mutex_) = false;
  WalCounts counts_ GUARDED_BY(mutex_);
};

}  // namespace ei::wal
