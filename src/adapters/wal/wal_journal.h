#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "adapters/wal/appender.h"
#include "adapters/wal/backlog_reader.h"
#include "adapters/wal/checkpoint_saver.h"
#include "adapters/wal/committer.h"
#include "adapters/wal/disk.h"
#include "adapters/wal/housekeeper.h"
#include "adapters/wal/log_state.h"
#include "adapters/wal/recovery.h"
#include "adapters/wal/retained_event.h"
#include "adapters/wal/sent_log.h"
#include "adapters/wal/wal_counts.h"
#include "adapters/wal/wal_options.h"
#include "adapters/wal/wal_role.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "journal/journal.h"

namespace ei::wal {

// The journal of ack level `wal`. A batch joins the current frame. The frame is written to the log and synced
// as a whole; only then are its events taken and its requests answered.
//
// A pure state machine over its ports. Its parts work on one LogState: Appender, and a class for each of the
// three roles, which do the disk work: Committer, BacklogReader and Housekeeper. The comment of each class
// has the invariants that it upholds. Each role may be run by one thread at a time. WalThreads or the
// simulator runs them.
//
// Open files: the segment that is being filled, a few that are prepared or wait for their commit, the two
// that are read back, the checkpoint, and one file of notes for each lane.
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

  // One step of each role; see its class.
  Work Commit() { return committer_.Commit(); }
  Work ReadBack() { return backlog_reader_.ReadBack(); }
  Work Housekeep() { return housekeeper_.Housekeep(); }

  // Saves the last checkpoint, so that a restart delivers nothing twice and can tell damage from a torn end.
  // False: it could not be saved. Must not run concurrently with Housekeep.
  bool Finish() { return housekeeper_.Finish(); }

 private:
  WalJournal(const WalOptions& options, Directory& directory, const Clock& clock, Log& log, uint64_t seed);
  base::Result<void> Recover();
  DiskResult<void> Resync(FoundLog& found);
  void BeginSent(FoundLog& found);
  void Install(FoundLog& found) REQUIRES(state_.mutex);

  LogState state_;
  SentFiles sent_files_;
  std::vector<std::unique_ptr<LaneSentLog>> sent_;  // one for each lane
  Appender appender_;
  Committer committer_;
  BacklogReader backlog_reader_;
  CheckpointSaver checkpoints_;
  Housekeeper housekeeper_;
};

}  // namespace ei::wal
