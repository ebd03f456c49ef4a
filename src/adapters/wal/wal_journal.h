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
#include "adapters/wal/disk.h"
#include "adapters/wal/event_window.h"
#include "adapters/wal/log_tail.h"
#include "adapters/wal/recovery.h"
#include "adapters/wal/segment_scanner.h"
#include "adapters/wal/segment_table.h"
#include "adapters/wal/sent_log.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "clients/client_shares.h"
#include "event/uuid_v7.h"
#include "journal/completions.h"
#include "journal/journal.h"

namespace ei::wal {

struct WalOptions {
  uint64_t bytes_max = 1 << 30;          // of disk: all segments, also prepared ones and those set aside
  uint64_t segment_bytes = 32 << 20;     // what a request brings has to fit into one
  uint64_t window_events_max = 100'000;  // in memory, on their way out
  uint64_t window_bytes_max = 64 << 20;  // of memory for events, those on their way to the disk included
  size_t lanes = 1;

  // Settled events that ReadRetained still finds after a restart: so many of the newest, and for so long.
  // Their segments are kept, unless new events need the room.
  uint64_t retain_events = 0;
  base::Duration retain_time{0};

  // Where the sink takes events that name no topic; empty: it has no topics. What is accepted goes there
  // also when a later life has another one.
  std::string topic = {};

  // What a lane's notes of what it sent take before they go on in another file.
  uint64_t sent_file_bytes = kSentFileBytesMax;

  // Is told who holds what of the disk and of the memory for what is not synced; outlives the journal.
  ClientShares* shares = nullptr;

  // See Completions. The window is whose it was until the first Append; it outlives the journal.
  uint64_t awaited_events_max = 100'000;
  IdempotencyWindow* window = nullptr;
};

// An event of the log. The view is valid until the visit returns.
struct RetainedEvent {
  uint64_t position = 0;
  std::string_view value;
  base::SteadyTime accepted_at;
  bool settled = false;
  ClientIdentity client = kNoClient;
  // The value without its first byte and what the client didn't write; nullopt: not known, as an earlier
  // version of the service accepted it.
  std::optional<std::string_view> written;
  bool named = true;  // its id is the client's
};

// What a step of work came to.
enum class Work : uint8_t {
  kIdle,   // nothing to do until the role is woken
  kDone,   // something was done; there may be more
  kLater,  // again after a pause
};

struct WalCounts {
  uint64_t memory_bytes = 0;     // for events
  uint64_t recovered = 0;        // events that were found at the start
  uint64_t lost = 0;             // events that damage took, found since the start
  uint64_t set_aside = 0;        // damaged segments that are kept until somebody moves them away
  uint64_t commits = 0;          // syncs that carried events
  uint64_t commit_bytes = 0;     // what they wrote
  uint64_t unsynced_events = 0;  // not yet durable
  uint64_t backlog_events = 0;   // on the disk and not in memory
  uint64_t unreadable = 0;       // 1 while the disk can't read what is next in the backlog
};

// The journal of ack level `wal`: a batch joins the frame at hand; the frame is written to the log and synced
// as a whole; only then are its events taken and its requests answered.
//
// Invariants:
//  - A position, once given, never names another event, also across restarts.
//  - Bytes that were synced are never written again: a frame begins at a sector of its own, and only one
//  frame
//    at a time waits for its sync. So a crash can tear the last one, which nobody was told of, and no other.
//  - An event is in memory, or it lies behind the cursor on the disk: memory holds a window of the log, and
//    what does not fit is read back in order. What an earlier life had sent is read whether it fits or not:
//    it had fit there, and goes out only as a whole.
//  - Clients are charged with the bytes by which their batches make the log longer, padding and what is left
//  of
//    a segment that they end included, until the segment's events are all settled. What of the segment that
//    is being filled is settled is nobody's. So what nobody is charged with is room.
//  - A segment's file goes only after a checkpoint that says all of it is settled; within the retention, only
//  when its room is needed.
//  - Only what was read and has a wrong sum counts as lost. Its file is set aside, and never removed by this.
//  - Open files: the segment that is being filled, a few that are prepared or wait for their commit, the one
//    that is read back, the checkpoint, a file of notes for each lane. Nothing that is done under the mutex
//    walks through all segments.
//
// A pure state machine over its ports. Three roles do the work that touches the disk, each for one thread at
// a time: Commit, ReadBack, Housekeep. WalThreads drives them, or the simulator does.
class WalJournal final : public Journal {
 public:
  enum class Role : uint8_t { kCommit, kReadBack, kHousekeep };

  // Recovers what the log holds. `seed` makes the segments' salts: no client may know it. The references
  // outlive the journal.
  static base::Result<std::unique_ptr<WalJournal>> Open(const WalOptions& options, Directory& directory,
                                                        const Clock& clock, Log& log, uint64_t seed);

  // Tells the newest events that are in the log, settled or not, oldest first, as far as WalOptions retains
  // them; those that can't be read are passed over. Before Append and the work of any role (retained.cc).
  void ReadRetained(const std::function<void(const RetainedEvent&)>& visit) const;

  // What clients can share of the disk, in whole segments, and of the memory for what is not synced.
  static uint64_t ShareableBytes(const WalOptions& options);
  static uint64_t UnsyncedBytesMax(const WalOptions& options) { return options.window_bytes_max / 4; }

  using Journal::Append;
  Appended Append(const AppendRequest& request, base::SteadyTime now) override;  // append.cc
  bool Forget(Waiter& waiter) override;
  uint64_t DurableEnd() const override { return durable_end_.load(std::memory_order_acquire); }
  void OnFailed(std::function<void()> told) override { failed_told_ = std::move(told); }
  bool Failed() const override { return failed_.load(std::memory_order_acquire); }
  bool Full(uint64_t bytes) const override;
  bool TooManyAwaited() const override { return completions_.Full(); }
  bool AboveHighWatermark() const override;
  size_t Take(size_t lane, std::span<JournalEvent> out) override;
  void Settle(const SettledEvents& settled) override;
  SentLog* Sent(size_t lane) override { return sent_[lane].get(); }
  void OnLaneFilled(std::function<void(size_t lane)> wake) override { lane_filled_ = std::move(wake); }
  void Close() override;

  // `bytes` are of the disk; `events_max` is 0: the bytes alone bound it.
  JournalStats Stats() const override;
  uint64_t Events() const override { return events_.load(std::memory_order_relaxed); }
  WalCounts Counts() const;

  // `wake` is called when a role has work, from any thread, without a lock held. Set before use. At first
  // each role has some.
  void OnWork(std::function<void(Role)> wake) { wake_ = std::move(wake); }

  // Writes and syncs the oldest frame (commit.cc).
  Work Commit();

  // Reads events back from the disk, as far as there is room for them in memory (read_back.cc).
  Work ReadBack();

  // Prepares the next segment, saves a checkpoint, lets segments go (housekeep.cc).
  Work Housekeep();

  // The last checkpoint, so that a restart delivers nothing twice and takes no damage for a torn end
  // (housekeep.cc); false: it could not be saved. Not beside Housekeep.
  bool Finish();

 private:
  // A frame's place in the log.
  struct FramePlace {
    uint64_t segment = 0;
    uint64_t offset = 0;
    uint64_t first_position = 0;
  };

  // Where reading back goes on, and the scanner of the segment there.
  struct Cursor {
    uint64_t position = 0;
    std::optional<SegmentHeader> segment;  // nullopt: none holds the position
    FramePlace start;                      // known to be at or before the position
    std::unique_ptr<File> file;            // opened when it is needed
    std::unique_ptr<SegmentScanner> scanner;
    std::shared_ptr<EventBlock> block;  // being filled; let go under the mutex, as takers use it again
  };

  // How far the newest commit that was found, and is written again, has got.
  enum class Copy : uint8_t {
    kNone,    // there is none, or it isn't synced yet
    kSynced,  // no checkpoint says so
    kNoted,   // one does
  };

  // One frame that was read back, and what is missing before or within it.
  struct Loaded {
    std::vector<JournalEvent> events;
    std::vector<std::pair<uint64_t, uint64_t>> missing;  // from, to
    uint64_t end = 0;
    std::shared_ptr<EventBlock> block;  // of the events
  };

  // Reading back fails, again and again.
  struct ReadFault {
    base::SteadyTime since;
    base::SteadyTime tell_at;
    base::SteadyTime again_at;
    base::Duration pause;
  };

  // A checkpoint on its way to the disk.
  struct Snapshot {
    Checkpoint checkpoint;
    uint64_t settled_since = 0;  // the checkpoint before
    uint64_t number = 0;         // as SentFiles counts it
    uint64_t sent_end = 0;       // for SentFiles::saved_end
  };

  WalJournal(const WalOptions& options, Directory& directory, const Clock& clock, Log& log, uint64_t seed);
  base::Result<void> Recover();
  DiskResult<void> Resync(FoundLog& found);
  void BeginSent(FoundLog& found);
  void Install(FoundLog& found) REQUIRES(mutex_);
  void AddSpares(std::vector<PreparedSegment> spares) REQUIRES(mutex_);

  void NoteDamaged(Segment& segment) REQUIRES(mutex_);
  bool MayHold(const EventBatch& batch) const REQUIRES(mutex_);
  void Hold(Segment& segment, ClientNumber client, uint64_t bytes) REQUIRES(mutex_);
  void NoteAdded(const BatchSlice& piece, uint64_t used, uint64_t room,
                 const std::optional<SegmentHeader>& begun, base::SteadyTime now) REQUIRES(mutex_);
  std::optional<AppendResult> Refuses(const EventBatch& batch) REQUIRES(mutex_);
  bool Store(const EventBatch& batch, std::span<const IndexEntry> index, base::SteadyTime now)
      REQUIRES(mutex_);
  AppendResult RefuseFull(uint64_t client_bytes) REQUIRES(mutex_);
  bool WindowHasRoom(uint64_t events) const REQUIRES(mutex_);

  std::optional<bool> WriteAndSync(const PendingFrame& frame, uint64_t& bytes);
  Work LetNote(uint64_t bytes);
  Work NoteCopy();
  DiskResult<void> WriteFrame(const PendingFrame& frame, uint64_t& bytes);
  void StoreHints() REQUIRES(mutex_);
  void Publish(const PendingFrame& frame, uint64_t& filled_lanes) REQUIRES(mutex_);
  uint64_t CountMissing(uint64_t position) REQUIRES(mutex_);
  void Fail(std::string_view what, int error);

  bool MayReadBack() const REQUIRES(mutex_);
  uint64_t PointCursor() REQUIRES(mutex_);
  DiskResult<Loaded> ReadFrame(uint64_t limit);
  DiskResult<void> OpenCursor();
  void NoteReadFault(int error);
  void NoteReadable();
  // The topic of a frame, if it isn't the one that events without a topic have now.
  std::string_view TopicElsewhere(std::string_view topic) const {
    return topic == options_.topic ? std::string_view() : topic;
  }
  void LogTopic(const FrameHeader& frame, const std::string& topic);
  uint64_t Admit(const Loaded& loaded, uint64_t& filled_lanes) REQUIRES(mutex_);

  bool HoldsLastFrame(uint64_t segment) const REQUIRES(mutex_);
  bool IsRetained(const Segment& segment, uint64_t end) const REQUIRES(mutex_);
  bool HasRoomForSegment(uint64_t bytes) const REQUIRES(mutex_);
  uint64_t LastFrameSegmentBytes() const REQUIRES(mutex_);
  std::optional<uint64_t> NextSegmentBytes() const REQUIRES(mutex_);
  Work PrepareSegment();
  Work CheckQuarantine();
  Work MarkDamaged();
  Work LetSegmentsGo();
  void GiveBackShares() REQUIRES(mutex_);
  DiskResult<void> LetGo(const SegmentTable::Key& key);
  std::vector<SegmentTable::Key> SettledSegments() REQUIRES(mutex_);
  Snapshot TakeSnapshot() REQUIRES(mutex_);
  DiskResult<void> Save(const Snapshot& snapshot);

  // Whether the role was idle and has to be woken; it is not idle any more.
  static bool WakeIfIdle(bool& idle) { return std::exchange(idle, false); }
  base::SteadyTime SteadyOf(int64_t wall_nanos) const;
  uint64_t DiskBytes() const REQUIRES(mutex_);

  const WalOptions options_;
  Directory& directory_;
  const Clock& clock_;
  Log& log_;
  std::function<void()> failed_told_ = [] {};
  std::function<void(size_t lane)> lane_filled_ = [](size_t) {};
  std::function<void(Role)> wake_ = [](Role) {};

  static constexpr uint64_t kNothingRefused = std::numeric_limits<uint64_t>::max();
  std::atomic<uint64_t> durable_end_{0};
  std::atomic<bool> failed_{false};
  std::atomic<uint64_t> refused_bytes_{
      kNothingRefused};  // a request that large found no room; for Full(), which takes no lock
  std::atomic<uint64_t> block_bytes_{0};  // of memory
  // Written under the mutex, for those who take no lock.
  std::atomic<uint64_t> events_{0};
  std::atomic<uint64_t> window_events_{0};
  std::atomic<uint64_t> window_bytes_{0};

  SentFiles sent_files_;
  std::vector<std::unique_ptr<LaneSentLog>> sent_;  // by lane

  std::string commit_scratch_;                // Commit's
  bool commit_stalled_ = false;               // Commit's: the disk is full
  Cursor cursor_;                             // ReadBack's
  std::optional<ReadFault> read_fault_;       // ReadBack's
  bool topic_told_ = false;                   // ReadBack's
  std::optional<CheckpointFile> checkpoint_;  // Housekeep's
  std::vector<PreparedSegment>
      unsynced_spares_;                   // Housekeep's: recycled, their new names not yet on the disk
  bool housekeep_faulty_ = false;         // Housekeep's: told of
  bool mark_faulty_ = false;              // Housekeep's: told of
  bool quarantine_logged_ = false;        // Housekeep's: what was set aside takes the room of new segments
  base::SteadyTime check_quarantine_at_;  // Housekeep's

  mutable base::Mutex mutex_;
  Completions completions_;  // guarded by the mutex, but for Full
  UuidV7Generator salts_ GUARDED_BY(mutex_);
  std::optional<LastFrame> last_frame_ GUARDED_BY(mutex_);   // was found, and waits for a segment
  FrameHeader rewritten_last_frame_ GUARDED_BY(mutex_);      // has got one
  SegmentTable::Key last_frame_segment_ GUARDED_BY(mutex_);  // of either, as it was found
  Copy copy_ GUARDED_BY(mutex_) = Copy::kNone;
  uint64_t found_end_ GUARDED_BY(mutex_) = 0;  // where the log ended at the start
  uint64_t sent_end_ GUARDED_BY(mutex_) = 0;   // above all that earlier lives have sent and not settled
  LogTail tail_ GUARDED_BY(mutex_);
  SegmentTable segments_ GUARDED_BY(mutex_);  // used ones, and what of their events is settled
  uint64_t next_segment_ GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, uint64_t> quarantined_
      GUARDED_BY(mutex_);  // numbers of damaged segments, and their bytes
  uint64_t quarantined_bytes_ GUARDED_BY(mutex_) = 0;
  std::vector<uint64_t> unmarked_ GUARDED_BY(mutex_);  // damaged segments that have no mark on the disk yet
  EventWindow window_ GUARDED_BY(mutex_);
  uint64_t settled_since_checkpoint_ GUARDED_BY(mutex_) = 0;
  base::SteadyTime checkpoint_at_ GUARDED_BY(mutex_);
  bool backlog_ GUARDED_BY(mutex_) = false;       // there are events behind the cursor
  uint64_t backlog_from_ GUARDED_BY(mutex_) = 0;  // the cursor's position
  FramePlace backlog_start_ GUARDED_BY(mutex_);   // where the backlog began
  base::SteadyTime backlog_since_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  bool commit_idle_ GUARDED_BY(mutex_) = false;
  bool read_back_idle_ GUARDED_BY(mutex_) = false;
  bool housekeep_idle_ GUARDED_BY(mutex_) = false;
  WalCounts counts_ GUARDED_BY(mutex_);
};

}  // namespace ei::wal
