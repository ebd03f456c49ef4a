#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "event/ack_level.h"
#include "event/event_batch.h"
#include "journal/sent_log.h"
#include "journal/stalled_topic.h"

namespace ei {

struct Deduplication;
class Waiter;

// An event on its way to the destination. The views point into memory that the provider of the EventView
// owns; the provider documents how long they are valid.
struct EventView {
  std::string_view value;
  std::string_view key;
  std::string_view topic;  // empty: the sink's default topic
  EventContext context;
  uint32_t key_hash = 0;  // Murmur2 of the key
  bool has_key = false;
};

struct JournalEvent : EventView {
  uint64_t position = 0;    // order of acceptance, across all lanes
  ClientNumber client = 0;  // the client that sent it, as far as the journal knows
  uint32_t held_bytes = 0;  // memory that the journal counts for it until it is settled
  base::SteadyTime accepted_at;
};

// Bytes that the journal counts for a waiting event in addition to the event's own bytes. They cover the part
// of a sink's batch that is not event data (position, EventRun, the record's header, room to grow) and the
// state of a request that waits for the event.
inline constexpr uint64_t kEventOverheadBytes = 160;

// Consecutive events of one request.
struct EventRun {
  base::SteadyTime accepted_at;
  ClientNumber client = 0;
  uint32_t events = 0;
  uint64_t held_bytes = 0;  // of all events of the run
};

// The result of an accepted event. The views are valid as long as the sink.
struct DeliveryResult {
  std::string_view code;   // why it was dead-lettered; empty: delivered
  std::string_view topic;  // empty if the sink has none
  int32_t partition = -1;
  int64_t offset = -1;  // -1: not known
};

// Events that are finished. `runs` describes the same events as `positions`, in the same order. `result`
// applies to all of them; its offset is that of the first event, and the other events have the offsets that
// follow.
struct SettledEvents {
  std::span<const uint64_t> positions;
  std::span<const EventRun> runs;
  DeliveryResult result = {};
};

struct JournalStats {
  uint64_t events = 0;  // accepted and not settled, including those that were taken
  uint64_t bytes = 0;   // memory held for them
  uint64_t events_max = 0;
  uint64_t bytes_max = 0;
  std::optional<base::SteadyTime> oldest;  // at or before the acceptance of the oldest unsettled event
};

enum class AppendResult : uint8_t {
  kAppended,
  kFull,       // no room now; there will be room later
  kOverShare,  // there is room, but it is reserved for clients that hold less (ClientShares)
  kTooLarge,   // larger than the whole journal: there will never be room
  kClosed,
  kFailed,  // the storage failed; no event is accepted until the process is restarted
};

// A request's events, and what the request waits for.
struct AppendRequest {
  const EventBatch& batch;
  // If the journal has an idempotency window, it finds the batch's repeats, which are not stored again. Null:
  // repeats are not searched for.
  Deduplication* dedup = nullptr;
  // `waiter` waits for nothing (memory; it may then be null), until the events are durable (wal), or until
  // they are delivered or dead-lettered (broker). For a repeat it waits until that is true of the repeated
  // event.
  AckLevel ack = AckLevel::kMemory;
  Waiter* waiter = nullptr;
};

struct Appended {
  AppendResult result = AppendResult::kClosed;
  // kAppended: above the positions of all events of the request, repeated ones included. The stored events
  // have consecutive positions up to here, unless a repeated event has a higher one.
  uint64_t end = 0;

  friend bool operator==(const Appended& a, AppendResult b) { return a.result == b; }
};

// The bounded hand-over of events from the request threads to the delivery workers. It is divided into lanes
// by key, so that events with the same key stay in order; one worker takes the events of a lane. It also
// tracks which requests wait for which events, and which events clients have sent before. One lock, the
// journal's, guards all of this.
//
// Thread-safe. Append and Forget are called by the waiter's thread, Take(lane) by that lane's worker, Settle
// by any thread.
class Journal {
 public:
  virtual ~Journal() = default;

  // Accepts all events of the batch in its order, or none. After kAppended they will be taken and settled as
  // long as the process lives; DurableEnd() says which of them survive it. The waiter waits (Waiter::Waits)
  // if there is something to wait for. It may be in its queue before this function returns.
  virtual Appended Append(const AppendRequest& request, base::SteadyTime now) = 0;
  // Appends without a waiter.
  Appended Append(const EventBatch& batch, base::SteadyTime now) {
    return Append(AppendRequest{.batch = batch}, now);
  }

  // Ends a wait. Returns false if the wait is already over and the waiter is in its queue.
  virtual bool Forget(Waiter& waiter) = 0;

  // Every event below this position survives the process and a loss of power. Never decreases. Stays 0 in a
  // journal without storage.
  virtual uint64_t DurableEnd() const = 0;

  // `notify` is called once when the journal has failed (Failed() is then true), by a thread of the journal
  // and without a lock held. Must be set before the journal is used.
  virtual void OnFailed(std::function<void()> notify) = 0;

  // The storage failed: DurableEnd no longer moves, and Append returns kFailed.
  virtual bool Failed() const = 0;

  // Estimates whether a request with a body of `bytes` would be rejected for lack of room, without reading
  // the body: there is no room at all, or no more than when a request of the same size or a smaller one was
  // rejected. Cheap. A hint.
  virtual bool Full(uint64_t bytes) const = 0;

  // Whether so many events are awaited at level broker that another request would be rejected. A hint.
  virtual bool TooManyAwaited() const = 0;

  // Whether events of stalled partitions should be rejected, so that the space that is left is for the
  // others. A hint.
  virtual bool AboveHighWatermark() const = 0;

  // Replaces the list of stalled partitions. A journal may use it to keep their events from filling its
  // memory. Any thread, one at a time.
  virtual void SetStalls(std::vector<StalledTopic> /*stalls*/) {}

  // Moves the oldest events of the lane that were not taken yet into `out`, at most out.size(), and returns
  // how many. Their views are valid until the lane's next Take. Does not wait for events.
  virtual size_t Take(size_t lane, std::span<JournalEvent> out) = 0;

  // The events were delivered, or are stored as dead letters. Each event is settled once. The waiters of
  // these events are notified after all of the events are removed from the journal.
  virtual void Settle(const SettledEvents& settled) = 0;

  // Where the lane records what it sends; null: no record survives the process.
  virtual SentLog* Sent(size_t /*lane*/) { return nullptr; }

  // `wake` is called when an empty lane gets events, by the thread of Append and without a lock held. Must be
  // set before the journal is used.
  virtual void OnLaneFilled(std::function<void(size_t lane)> wake) = 0;

  // From now on Append returns kClosed.
  virtual void Close() = 0;

  virtual JournalStats Stats() const = 0;

  // The number of events as in Stats, but lock-free, for callers that have to be cheap, such as the rejection
  // of a request. May be slightly out of date.
  virtual uint64_t Events() const = 0;
};

}  // namespace ei
