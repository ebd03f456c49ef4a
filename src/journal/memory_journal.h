#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>

#include "base/mutex.h"
#include "clients/client_shares.h"
#include "journal/completions.h"
#include "journal/event_buffer.h"
#include "journal/journal.h"
#include "journal/unsettled_ages.h"

namespace ei {

// The journal of ack level `memory`: accepted events are kept in memory until they are settled. Nothing
// survives the process.
//
// Invariants:
//  - `events_` is the number of appended, unsettled events. It never exceeds events_max.
//  - `bytes_` is the sum of their bytes plus kEventOverheadBytes for each event. They count until they are
//    settled, no matter whether the journal (before they are taken) or the sink holds them. It never exceeds
//    bytes_max.
//  - Clients are charged with the same amounts.
class MemoryJournal final : public Journal {
 public:
  struct Options {
    uint64_t events_max = 100'000;
    uint64_t bytes_max = 64 << 20;
    size_t lanes = 1;
    ClientShares* shares = nullptr;         // charged with what each client holds; outlives the journal
    uint64_t awaited_events_max = 100'000;  // see Completions::Options
    IdempotencyWindow* window = nullptr;    // see Completions::Options; outlives the journal
  };

  explicit MemoryJournal(const Options& options);

  using Journal::Append;
  Appended Append(const AppendRequest& request, base::SteadyTime now) override;
  bool Forget(Waiter& waiter) override;
  uint64_t DurableEnd() const override { return 0; }
  void OnFailed(std::function<void()>) override {}
  bool Failed() const override { return false; }
  bool Full(uint64_t bytes) const override;
  bool TooManyAwaited() const override { return completions_.Full(); }
  bool AboveHighWatermark() const override;
  size_t Take(size_t lane, std::span<JournalEvent> out) override;
  void Settle(const SettledEvents& settled) override;
  void OnLaneFilled(std::function<void(size_t lane)> wake) override { wake_ = std::move(wake); }
  void Close() override;
  JournalStats Stats() const override;
  uint64_t Events() const override {
    return options_.events_max - free_events_.load(std::memory_order_relaxed);
  }

 private:
  static uint64_t BytesOf(const EventBatch& batch) {
    return batch.Bytes().size() + batch.Size() * kEventOverheadBytes;
  }
  std::optional<AppendResult> WhyRejected(const EventBatch& batch) REQUIRES(mutex_);
  void Store(const EventBatch& batch, base::SteadyTime now, uint64_t& filled_lanes) REQUIRES(mutex_);
  bool MayHold(const EventBatch& batch) const REQUIRES(mutex_);
  void RememberRejected(const EventBatch& batch) REQUIRES(mutex_);

  const Options options_;
  std::function<void(size_t lane)> wake_;

  // Read by Full() without the lock; may be stale. After a request was rejected for lack of room, requests of
  // at least `rejected_bytes_` are rejected early until `free_events_` reaches `free_events_needed_`.
  std::atomic<uint64_t> rejected_bytes_{std::numeric_limits<uint64_t>::max()};
  std::atomic<uint64_t> free_events_needed_{0};
  std::atomic<uint64_t> free_events_;

  std::atomic<uint64_t> block_bytes_{0};
  mutable base::Mutex mutex_;
  Completions completions_;  // guarded by mutex_, except for Full()
  EventBuffer buffer_ GUARDED_BY(mutex_);
  UnsettledAges ages_ GUARDED_BY(mutex_);
  uint64_t events_ GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t next_position_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace ei
