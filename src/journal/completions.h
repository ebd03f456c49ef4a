#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "clients/client_shares.h"
#include "journal/idempotency_window.h"
#include "journal/journal.h"
#include "journal/waiter.h"

namespace ei {

// Tracks the requests behind a journal's events: which waiter waits for which positions, and, with the
// IdempotencyWindow, which events were accepted before. The journal calls it for each Append, Settle and
// commit. The journal's lock guards all of it and must be held during every call, except for Full(), which
// any thread may call without the lock.
//
// While there is no waiter at level broker, Settle costs two comparisons in addition to the window's work.
// Otherwise it finds the waiter of a position by binary search; it never searches all waiters.
class Completions {
 public:
  struct Options {
    // Maximum of the events that all requests together await at level broker. Bounds the memory.
    uint64_t awaited_events_max = 100'000;
    ClientShares* shares = nullptr;       // charged with the awaited events (Shared::kAwaitedEvents)
    IdempotencyWindow* window = nullptr;  // null: no event is treated as a repeat
  };

  explicit Completions(const Options& options) : options_(options) {}

  // Append calls Fresh, Refuses and Enter in this order. Fresh returns the events to be stored: the batch
  // without its repeats.
  const EventBatch& Fresh(const AppendRequest& request, base::SteadyTime now);
  // Returns kFull or kOverShare if the request may not wait for its `fresh` new events and for the earlier
  // events that it repeats; nullopt if it may.
  std::optional<AppendResult> Refuses(const AppendRequest& request, size_t fresh) const;
  // The fresh events are stored, and `end` is the end of their positions. Returns the end of the positions of
  // all events of the request, repeats included. Registers the request's waiter if there is something to wait
  // for. `durable_end`: see Journal::DurableEnd.
  uint64_t Enter(const AppendRequest& request, size_t fresh, uint64_t end, uint64_t durable_end);

  void Settle(const SettledEvents& settled, DueWakes& wakes);
  void MoveDurableEnd(uint64_t durable_end, DueWakes& wakes);
  // The storage failed: ends the wait of each waiter whose events are not durable by now, with
  // StorageFailed().
  void Fail(uint64_t durable_end, DueWakes& wakes);

  // See Journal::Forget.
  bool Forget(Waiter& waiter);

  bool Full() const { return awaited_events_.load(std::memory_order_relaxed) >= options_.awaited_events_max; }

 private:
  // The positions [first, end) of one waiter's batch.
  struct Range {
    uint64_t first = 0;
    uint64_t end = 0;
    Waiter* waiter = nullptr;  // null: the wait is over; swept later
  };

  static void Begin(Waiter& waiter, uint64_t durable_end);
  void AwaitDurable(Waiter& waiter, uint64_t end);
  void AwaitResults(Waiter& waiter, const AppendRequest& request, size_t fresh, uint64_t end);
  void Complete(Waiter& waiter, DueWakes& wakes);
  size_t RangeOf(uint64_t position, size_t hint) const;
  void SettleEarlier(uint64_t position, const DeliveryResult& result, DueWakes& wakes);
  bool RecordResult(Waiter& waiter, size_t number, const DeliveryResult& result);
  void EndWait(Waiter& waiter, size_t hint);
  void FailDelivery(Waiter& waiter, DueWakes& wakes);
  void Drop(Range& range);

  const Options options_;
  std::atomic<uint64_t> awaited_events_{0};

  WaiterList for_durable_;  // level wal, in ascending order of durable_end_

  // Level broker.
  std::vector<Range> ranges_;  // ascending; those whose wait is over stay until they are more than half
  size_t gone_ = 0;            // ranges whose wait is over
  AwaitedEvents earlier_;      // by position; few, since most events are not repeats
};

}  // namespace ei
