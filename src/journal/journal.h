#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "base/time.h"
#include "event/ack_level.h"
#include "event/event_batch.h"
#include "journal/sent_log.h"

namespace ei {

struct Deduplication;
class Waiter;

// An event on its way out. The views are into somebody's memory; whoever gives one says for how long.
struct EventView {
  std::string_view value;
  std::string_view key;
  std::string_view topic;        // empty: the sink's own
  std::string_view traceparent;  // empty: none
  uint32_t key_hash = 0;         // Murmur2 of the key
  bool has_key = false;
};

struct JournalEvent : EventView {
  uint64_t position = 0;    // order of acceptance, over all lanes
  ClientNumber client = 0;  // whose it is, as far as the journal knows
  uint32_t held_bytes = 0;  // of memory that the journal counts for it until it is settled
  base::SteadyTime accepted_at;
};

// What the journal counts for a waiting event beside its bytes: what a batch of the sink has of it that is no
// byte of the event (its position, its EventRun, the record's header, room to grow), and what a request keeps
// that waits for it.
inline constexpr uint64_t kEventOverheadBytes = 160;

// Neighbours of one request.
struct EventRun {
  base::SteadyTime accepted_at;
  ClientNumber client = 0;
  uint32_t events = 0;
  uint64_t held_bytes = 0;  // of all of them
};

// What became of an accepted event. The views live as long as the sink.
struct DeliveryResult {
  std::string_view code;   // why it was dead-lettered; empty: it was delivered
  std::string_view topic;  // empty when the sink has none
  int32_t partition = -1;
  int64_t offset = -1;  // -1: not known
};

// Events that need nothing more. `runs` are the same events as `positions`, in the same order; `result` is
// all theirs, with the offset of the first, which the others follow.
struct SettledEvents {
  std::span<const uint64_t> positions;
  std::span<const EventRun> runs;
  DeliveryResult result = {};
};

struct JournalStats {
  uint64_t events = 0;  // accepted and not settled, also those that were taken
  uint64_t bytes = 0;   // memory held for them
  uint64_t events_max = 0;
  uint64_t bytes_max = 0;
  std::optional<base::SteadyTime> oldest;  // at or before the acceptance of the oldest unsettled event
};

enum class AppendResult : uint8_t {
  kAppended,
  kFull,       // no room now; there will be
  kOverShare,  // there is room, but it is kept for clients that hold less (ClientShares)
  kTooLarge,   // more than the whole journal holds: there will never be room
  kClosed,
  kFailed,  // the storage failed; nothing is taken until the process has been started again
};

// A request's events, and what it wants to hear of them.
struct AppendRequest {
  const EventBatch& batch;
  // Where the journal has an idempotency window it finds the batch's repeats, which are not stored again.
  // Null: none is looked for.
  Deduplication* dedup = nullptr;
  // Who waits: for nothing (memory; then there need be none), until the events are durable (wal) or until
  // they were delivered or dead-lettered (broker). Of repeats, until that is true of the events they repeat.
  AckLevel ack = AckLevel::kMemory;
  Waiter* waiter = nullptr;
};

struct Appended {
  AppendResult result = AppendResult::kClosed;
  // kAppended: above the positions of all events, those that are repeated too. What was stored has the
  // positions that follow one another up to here, unless a repeated one is above.
  uint64_t end = 0;

  friend bool operator==(const Appended& a, AppendResult b) { return a.result == b; }
};

// The bounded hand-over between the request threads and the delivery workers. It is divided into lanes by
// key, so that events of one key stay in order; each lane has one taker. It also knows who waits for what of
// its events, and which of them clients have sent before: all of it changes under one lock, the journal's.
//
// Thread-safe: Append and Forget from the waiter's thread; Take(lane) from that lane's worker; Settle from
// any thread.
class Journal {
 public:
  virtual ~Journal() = default;

  // Accepts all events of the batch, in its order, or none. After kAppended they will be taken and settled as
  // long as the process lives; whether they survive it is what DurableEnd() says. The waiter waits
  // (Waiter::Waits) if there is anything to wait for, and may be in its queue before this returns.
  virtual Appended Append(const AppendRequest& request, base::SteadyTime now) = 0;
  // Nobody waits.
  Appended Append(const EventBatch& batch, base::SteadyTime now) {
    return Append(AppendRequest{.batch = batch}, now);
  }

  // Ends a wait; false: it is over, and the waiter in its queue.
  virtual bool Forget(Waiter& waiter) = 0;

  // Every event below this position survives the process and a loss of power. Never goes back; stays 0 in a
  // journal that keeps nothing.
  virtual uint64_t DurableEnd() const = 0;

  // `told` is called once, when the journal has failed (Failed() is then true): from a thread of the
  // journal's own, without a lock held. Set before use.
  virtual void OnFailed(std::function<void()> told) = 0;

  // The storage failed: DurableEnd will not move any more, and Append answers kFailed.
  virtual bool Failed() const = 0;

  // Whether a request with a body of `bytes` would be refused for want of room, as far as that can be told
  // without reading it: there is none at all, or no more than when a request no larger was refused. Cheap; a
  // hint.
  virtual bool Full(uint64_t bytes) const = 0;

  // Whether so many events are waited for at level broker that another request would be refused. A hint.
  virtual bool TooManyAwaited() const = 0;

  // Whether more than a quarter of the memory for events is in use. A hint.
  virtual bool AboveHighWatermark() const = 0;

  // Moves the oldest untaken events of the lane into `out`, at most out.size(); returns how many. Their views
  // are valid until the lane's next Take. Never waits.
  virtual size_t Take(size_t lane, std::span<JournalEvent> out) = 0;

  // The events were delivered, or stand in the dead-letter topic. Each once. Who waits for them is told when
  // all of them are gone from the journal.
  virtual void Settle(const SettledEvents& settled) = 0;

  // Where the lane notes what it sends; null: nothing outlives the process.
  virtual SentLog* Sent(size_t /*lane*/) { return nullptr; }

  // `wake` is called (from Append's thread, without a lock held) when an empty lane gets events. Set before
  // use.
  virtual void OnLaneFilled(std::function<void(size_t lane)> wake) = 0;

  // From now on Append answers kClosed.
  virtual void Close() = 0;

  virtual JournalStats Stats() const = 0;

  // As in Stats, and lock-free: for those who must not cost anything, such as requests that are rejected. May
  // be a moment old.
  virtual uint64_t Events() const = 0;
};

}  // namespace ei
