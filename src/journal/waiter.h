#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "base/mutex.h"
#include "journal/journal.h"

namespace ei {

class CompletionQueue;

// An event of an earlier request that a waiter waits for too; by the event's position.
struct AwaitedEvent {
  Waiter* waiter;
  size_t result;  // its number among the waiter's
};
using AwaitedEvents = std::multimap<uint64_t, AwaitedEvent>;

// A request that waits until its events are durable or delivered. It goes into the journal with them
// (Journal::Append) and comes back through the queue of its thread. Belongs to that thread; ends the wait by
// itself when it goes.
class Waiter : public boost::intrusive::list_base_hook<> {
 public:
  // The journal outlives the waiter.
  Waiter(Journal& journal, std::shared_ptr<CompletionQueue> queue)
      : journal_(journal), queue_(std::move(queue)) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // From Append, if there was anything to wait for, until the queue gives it back or it is cancelled.
  bool Waits() const { return waits_; }

  // The request waits no longer; its events go their way.
  void Cancel();

  // Cancels, and gives back what memory a large request has taken: the waiter may be used for another one.
  void Reset();

  // Once the queue has given it back. The journal's storage failed before what was waited for:
  bool StorageFailed() const { return storage_failed_; }
  // Level broker: what became of the events that were stored, in the order of the batch, and then of the
  // earlier events (Deduplication::awaited). The views live as long as the sink.
  std::span<const DeliveryResult> Results() const { return results_; }

 protected:
  ~Waiter() { Cancel(); }

 private:
  friend class Completions;
  friend class CompletionQueue;

  Journal& journal_;
  const std::shared_ptr<CompletionQueue> queue_;
  bool waits_ = false;  // the owner's thread

  // The journal's, under its lock, from Append until the queue has it.
  bool in_journal_ = false;
  bool storage_failed_ = false;
  uint64_t durable_end_ = 0;  // level wal: what has to be durable; 0 at level broker
  uint64_t first_ = 0;        // position of its first own event
  size_t own_ = 0;            // events of the batch
  size_t left_ = 0;           // events without a result
  std::vector<DeliveryResult> results_;
  std::vector<AwaitedEvents::iterator> earlier_;  // of the other events; the end: it has its result
  ClientNumber client_ = 0;

  Waiter* pushed_before_ = nullptr;  // the queue's
};

using WaiterList = boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>>;

// Waiters whose wait is over, on their way from the journal to the one thread that they belong to.
class CompletionQueue {
 public:
  // `wake` may do no more than wake the queue's thread, which is to call Collect.
  explicit CompletionQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Any thread; lock-free. True: nothing waited to be collected, so Wake is due.
  bool Push(Waiter& waiter);
  // Any thread, with no lock held.
  void Wake();
  // Nobody is woken any more, and no wake is running.
  void Close();

  // The queue's thread: what was pushed is there for Next, oldest first.
  void Collect();
  Waiter* Next();  // null: no more
  // One that was pushed and has not been given back.
  void Remove(Waiter& waiter);

 private:
  std::atomic<Waiter*> pushed_{nullptr};  // the newest
  WaiterList collected_;
  base::Mutex mutex_;
  std::function<void()> wake_ GUARDED_BY(mutex_);
};

// The queues that something was pushed to under a lock, to be woken once it is let go.
class DueWakes {
 public:
  DueWakes() = default;
  DueWakes(const DueWakes&) = delete;
  DueWakes& operator=(const DueWakes&) = delete;
  ~DueWakes() {
    for (const auto& queue : queues_) queue->Wake();
  }

  void Add(const std::shared_ptr<CompletionQueue>& queue) { queues_.push_back(queue); }

 private:
  std::vector<std::shared_ptr<CompletionQueue>> queues_;  // keeps them, as their threads may end meanwhile
};

}  // namespace ei
