#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "app/ports/sent_log.h"
#include "base/time.h"
#include "domain/event_batch.h"

namespace ei::app {

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
  uint64_t position = 0;            // order of acceptance, over all lanes
  domain::ClientNumber client = 0;  // whose it is, as far as the journal knows
  uint32_t held_bytes = 0;          // of memory that the journal counts for it until it is settled
  base::SteadyTime accepted_at;
};

// What the journal counts for a waiting event beside its bytes: what a batch of the sink has of it that is no
// byte of the event (its position, its EventRun, the record's header, room to grow), and what a request keeps
// that waits for it.
inline constexpr uint64_t kEventOverheadBytes = 160;

// Neighbours of one request.
struct EventRun {
  base::SteadyTime accepted_at;
  domain::ClientNumber client = 0;
  uint32_t events = 0;
  uint64_t held_bytes = 0;  // of all of them
};

// Events that need nothing more. `runs` are the same events as `positions`, in the same order.
struct SettledEvents {
  std::span<const uint64_t> positions;
  std::span<const EventRun> runs;
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

struct Appended {
  AppendResult result = AppendResult::kClosed;
  uint64_t end = 0;  // kAppended: the batch's events have the positions from end - batch.Size() to end - 1

  friend bool operator==(const Appended& a, AppendResult b) { return a.result == b; }
};

// The bounded hand-over between the request threads and the delivery workers. It is divided into lanes by
// key, so that events of one key stay in order; each lane has one taker.
//
// Thread-safe: Append from any thread; Take(lane) from that lane's worker; Settle from any thread.
class Journal {
 public:
  virtual ~Journal() = default;

  // Accepts all events of the batch, in its order, or none. After kAppended they will be taken and settled as
  // long as the process lives; whether they survive it is what DurableEnd() says.
  virtual Appended Append(const domain::EventBatch& batch, base::SteadyTime now) = 0;

  // Every event below this position survives the process and a loss of power. Never goes back; stays 0 in a
  // journal that keeps nothing.
  virtual uint64_t DurableEnd() const = 0;

  // `told` is called when DurableEnd has moved, and once when the journal has failed (Failed() is then true):
  // from a thread of the journal's own, without a lock held. Set before use.
  virtual void OnDurable(std::function<void()> told) = 0;

  // The storage failed: DurableEnd will not move any more, and Append answers kFailed.
  virtual bool Failed() const = 0;

  // Whether a request with a body of `bytes` would be refused for want of room, as far as that can be told
  // without reading it: there is none at all, or no more than when a request no larger was refused. Cheap; a
  // hint.
  virtual bool Full(uint64_t bytes) const = 0;

  // Whether more than a quarter of the memory for events is in use. A hint.
  virtual bool Crowded() const = 0;

  // Moves the oldest untaken events of the lane into `out`, at most out.size(); returns how many. Their views
  // are valid until the lane's next Take. Never waits.
  virtual size_t Take(size_t lane, std::span<JournalEvent> out) = 0;

  // The events were delivered, or stand in the dead-letter topic. Each once.
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

}  // namespace ei::app
