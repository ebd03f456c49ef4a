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

// An event of an earlier request that a waiter waits for too. The key of the map is the event's position.
struct AwaitedEvent {
  Waiter* waiter;
  size_t result;  // index in the waiter's results
};
using AwaitedEvents = std::multimap<uint64_t, AwaitedEvent>;

// A request that waits until its events are durable or delivered. It enters the journal with them
// (Journal::Append) and is returned by the queue of its thread. Owned by that thread. The destructor ends the
// wait.
class Waiter : public boost::intrusive::list_base_hook<> {
 public:
  // The journal must outlive the waiter.
  Waiter(Journal& journal, std::shared_ptr<CompletionQueue> queue)
      : journal_(journal), queue_(std::move(queue)) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // True from Append, if there was something to wait for, until the queue returns the waiter or the wait is
  // cancelled.
  bool Waits() const { return waits_; }

  // Ends the wait. The events are processed further.
  void Cancel();

  // Cancels the wait and frees the memory that a large request needed. The waiter may then be used for
  // another request.
  void Reset();

  // Valid once the queue has returned the waiter: whether the journal's storage failed before the awaited
  // events became durable or were delivered.
  bool StorageFailed() const { return storage_failed_; }
  // Level broker: the results of the stored events in the order of the batch, followed by those of the
  // earlier events (Deduplication::awaited). The views are valid as long as the sink.
  std::span<const DeliveryResult> Results() const { return results_; }

 protected:
  ~Waiter() { Cancel(); }

 private:
  friend class Completions;
  friend class CompletionQueue;

  Journal& journal_;
  const std::shared_ptr<CompletionQueue> queue_;
  bool waits_ = false;  // used only by the owner's thread

  // Used by the journal, under its lock, from Append until the waiter is pushed to the queue.
  bool in_journal_ = false;
  bool storage_failed_ = false;
  uint64_t durable_end_ = 0;  // level wal: what DurableEnd() has to reach; 0 at level broker
  uint64_t first_ = 0;        // position of the first event of its own batch
  size_t own_ = 0;            // stored events of its own batch
  size_t left_ = 0;           // events without a result
  std::vector<DeliveryResult> results_;
  std::vector<AwaitedEvents::iterator> earlier_;  // one for each earlier event; end(): it has its result
  ClientNumber client_ = 0;

  Waiter* pushed_before_ = nullptr;  // used by the queue
};

using WaiterList = boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>>;

// Waiters whose wait is over, on their way from the journal to the one thread that owns them.
class CompletionQueue {
 public:
  // `wake` may only wake the queue's thread, which then calls Collect.
  explicit CompletionQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Any thread; lock-free. Returns true if no other waiter was pushed since the last Collect; then Wake has
  // to be called.
  bool Push(Waiter& waiter);
  // Any thread. No lock may be held.
  void Wake();
  // After this call `wake` is not called any more, and no call is running.
  void Close();

  // The queue's thread. Makes the pushed waiters available to Next, oldest first.
  void Collect();
  Waiter* Next();  // null: there are no more
  // Removes a waiter that was pushed and not yet returned by Next.
  void Remove(Waiter& waiter);

 private:
  std::atomic<Waiter*> pushed_{nullptr};  // the newest one; linked by pushed_before_
  WaiterList collected_;
  base::Mutex mutex_;
  std::function<void()> wake_ GUARDED_BY(mutex_);
};

// The queues to which waiters were pushed under a lock. The destructor wakes them, so it must run after the
// lock is released.
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
  std::vector<std::shared_ptr<CompletionQueue>> queues_;  // shared, as their threads may end in the meantime
};

}  // namespace ei
