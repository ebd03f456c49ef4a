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

// What a journal knows of the requests behind its events: who waits for which positions, and which events
// came before. The journal calls it for each Append, Settle and commit, with its lock held, which guards all
// of this; only Full is for any thread.
//
// While nobody waits a Settle costs two comparisons. A waiter costs what it waits for: nothing is looked for
// among all that wait but by a search in order.
class Completions {
 public:
  struct Options {
    // Events that are waited for at level broker by all together; bounds the memory.
    uint64_t awaited_events_max = 100'000;
    ClientShares* shares = nullptr;       // is told who waits for how many (Shared::kAwaitedEvents)
    IdempotencyWindow* window = nullptr;  // null: no event is taken for a repeat
  };

  explicit Completions(const Options& options) : options_(options) {}

  // An Append has three steps. Which events are to be stored:
  const EventBatch& Fresh(const AppendRequest& request, base::SteadyTime now);
  // Whether the request may wait for them, so many: kFull and kOverShare if not.
  std::optional<AppendResult> Refuses(const AppendRequest& request, size_t fresh) const;
  // They are stored, and their positions end at `end`. Returns the end of all that the request brought, and
  // enters its waiter if there is something to wait for. `durable_end`: see Journal::DurableEnd.
  uint64_t Enter(const AppendRequest& request, size_t fresh, uint64_t end, uint64_t durable_end);

  void Settle(const SettledEvents& settled, DueWakes& wakes);
  void MoveDurableEnd(uint64_t durable_end, DueWakes& wakes);
  // The storage failed: what is not durable by now won't be.
  void Fail(uint64_t durable_end, DueWakes& wakes);

  // See Journal::Forget.
  bool Forget(Waiter& waiter);

  bool Full() const { return awaited_events_.load(std::memory_order_relaxed) >= options_.awaited_events_max; }

 private:
  // The positions of one waiter's batch.
  struct Range {
    uint64_t first = 0;
    uint64_t end = 0;
    Waiter* waiter = nullptr;  // null: gone, to be swept out
  };

  static void Begin(Waiter& waiter, uint64_t durable_end);
  void AwaitDurable(Waiter& waiter, uint64_t end);
  void AwaitResults(Waiter& waiter, const AppendRequest& request, size_t fresh, uint64_t end);
  void Complete(Waiter& waiter, DueWakes& wakes);
  size_t RangeOf(uint64_t position, size_t hint) const;
  void SettleEarlier(uint64_t position, const DeliveryResult& result, DueWakes& wakes);
  bool Note(Waiter& waiter, size_t number, const DeliveryResult& result);
  void EndWait(Waiter& waiter, size_t hint);
  void FailDelivery(Waiter& waiter, DueWakes& wakes);
  void Drop(Range& range);

  const Options options_;
  std::atomic<uint64_t> awaited_events_{0};

  WaiterList for_durable_;  // level wal, by what has to be durable, ascending

  // Level broker.
  std::vector<Range> ranges_;  // ascending, with those that are gone until they are half
  size_t gone_ = 0;
  AwaitedEvents earlier_;  // few, as most events are no repeats
};

}  // namespace ei
