#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "app/client_shares.h"
#include "app/ports/journal.h"
#include "app/wake_list.h"
#include "base/mutex.h"

namespace ei::app {

// What became of an accepted event. The views live as long as the sink.
struct EventFate {
  std::string_view code;   // why it was dead-lettered; empty: it was delivered
  std::string_view topic;  // empty when the sink has none
  int32_t partition = -1;
  int64_t offset = -1;
};

struct SettledEvent {
  uint64_t position = 0;
  EventFate fate;
};

class Receipt;
class Receipts;

// A receipt that awaits an event of an earlier request; by the event's position.
struct AwaitedEvent {
  Receipt* receipt;
  size_t fate;  // its number among the receipt's
};
using AwaitedEvents = std::multimap<uint64_t, AwaitedEvent>;

// One request that waits for the sink's word on its events. Belongs to the thread that takes from its inbox;
// ends the wait by itself when it goes.
class Receipt {
 public:
  // `inbox`: see Receipts::AddInbox.
  Receipt(Receipts& receipts, size_t inbox) : receipts_(receipts), inbox_(inbox) {}
  Receipt(const Receipt&) = delete;
  Receipt& operator=(const Receipt&) = delete;

  // In the order of the batch, then of the earlier events; complete once the receipt was taken from its
  // inbox.
  std::span<const EventFate> Fates() const { return fates_; }

  // From Append, if there was anything to wait for, until the receipt is taken from its inbox or cancelled.
  bool Entered() const { return entered_; }

  // The request waits no longer; its events go their way.
  void Cancel();

 protected:
  ~Receipt() { Cancel(); }

 private:
  friend class Receipts;

  Receipts& receipts_;
  const size_t inbox_;
  bool entered_ = false;  // the owner's thread

  // Between Append and the inbox these are guarded by the mutex of receipts_.
  uint64_t first_ = 0;  // position
  size_t own_ = 0;      // events of the batch
  size_t left_ = 0;     // events without a fate
  std::vector<EventFate> fates_;
  std::vector<AwaitedEvents::iterator> earlier_;  // of the other events; the end: it has its fate
  size_t place_in_inbox_ = 0;                     // while it is there
  domain::ClientNumber client_ = 0;
};

// The requests that wait for the sink's word, by the journal positions of their events: so it doesn't matter
// how an event got from the journal to the sink. While nobody waits, a report costs one relaxed load.
//
// Reports come by the thousand and requests finish by the hundred, so an inbox is woken only when it was
// empty, and once for a whole Tell.
//
// A receipt costs what it waits for: nothing is looked for among all that wait but by a search in order.
//
// Thread-safe, with the calls of one inbox, and of its receipts, from one thread.
class Receipts {
 public:
  // `events_max`: of all waiting requests together; bounds the memory. `shares` is told who waits for how
  // many (Shared::kAwaitedEvents); null: clients are not told apart.
  explicit Receipts(size_t events_max, ClientShares* shares = nullptr)
      : events_max_(events_max), shares_(shares) {}

  // An inbox for finished receipts. `wake` is called when it is no longer empty; see WakeList.
  size_t AddInbox(std::function<void()> wake);
  // `wake` will not be called any more. The inbox's receipts may still be cancelled.
  void RemoveInbox(size_t inbox);

  // Appends the batch to the journal and enters the receipt in one step, so that no report can come between.
  // The receipt also awaits `earlier` events, which are in the journal already: whoever tells of them must
  // not have asked Awaited yet. Without any event of either kind nothing is entered. kFull also when too many
  // events are waited for, kOverShare when the client waits for too many of them.
  Appended Append(Journal& journal, const domain::EventBatch& batch, std::span<const uint64_t> earlier,
                  base::SteadyTime now, Receipt& receipt);

  bool Full() const { return waiting_events_.load(std::memory_order_relaxed) >= events_max_; }

  // Whether there is anyone to Tell. For the thread of a report: sees every receipt whose events it may have.
  bool Awaited() const { return entered_.load(std::memory_order_relaxed) > 0; }

  // Events of any requests, each once, in any order.
  void Tell(std::span<const SettledEvent> settled);

  // Puts the finished receipts of the inbox into `finished`.
  void Take(size_t inbox, std::vector<Receipt*>& finished);

 private:
  friend class Receipt;

  // The positions of one receipt's batch.
  struct Range {
    uint64_t first = 0;
    uint64_t end = 0;
    Receipt* receipt = nullptr;  // null: finished or cancelled, to be swept out
  };

  void AwaitEarlier(std::span<const uint64_t> earlier, Receipt& receipt) REQUIRES(mutex_);
  void Cancel(Receipt& receipt);
  size_t RangeOf(uint64_t position, size_t hint) const REQUIRES(mutex_);
  void TellOfEarlier(const SettledEvent& event, std::vector<size_t>& woken) REQUIRES(mutex_);
  bool Note(Receipt& receipt, size_t fate, const EventFate& event, std::vector<size_t>& woken)
      REQUIRES(mutex_);
  void Leave(const Receipt& receipt, size_t hint) REQUIRES(mutex_);
  void Forget(Range& range) REQUIRES(mutex_);

  const size_t events_max_;
  ClientShares* const shares_;
  std::atomic<size_t> entered_{0};  // receipts with an event whose fate isn't known
  std::atomic<size_t> waiting_events_{0};
  WakeList wakes_;  // numbered as the inboxes

  base::Mutex mutex_;
  std::vector<Range> ranges_ GUARDED_BY(mutex_);  // ascending, with those that are gone until they are half
  size_t gone_ GUARDED_BY(mutex_) = 0;
  AwaitedEvents earlier_ GUARDED_BY(mutex_);                       // few, as most events are no repeats
  std::vector<std::vector<Receipt*>> inboxes_ GUARDED_BY(mutex_);  // null: it was cancelled
};

}  // namespace ei::app
