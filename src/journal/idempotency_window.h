#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/sip_hash.h"
#include "base/time.h"
#include "event/event.h"
#include "event/event_batch.h"
#include "journal/remembered_ids.h"

namespace ei {

// An event of a batch whose id the client sent.
struct IdentifiedEvent {
  uint32_t event;
  base::Hash128 id;          // of client, source and id
  uint64_t fingerprint = 0;  // of its bytes, as the client wrote them
};

// An event of a batch that was accepted before, or stands twice in it: it is acknowledged and not stored
// again.
struct Repeat {
  static constexpr uint32_t kDelivered = std::numeric_limits<uint32_t>::max();

  uint32_t event;
  uint32_t result;  // at level broker: its number in Waiter::Results(); kDelivered: it was, and has none
};

// What is known of one request's repeats; reused for the next one.
struct Deduplication {
  std::vector<IdentifiedEvent> named;  // what is to be judged, ascending

  // What came of it.
  std::vector<Repeat> repeats;     // ascending
  uint64_t id_conflicts = 0;       // events that share an id with another one and are none of its repeats
  std::vector<uint32_t> left_out;  // numbers of the repeats in the batch, ascending
  EventBatch fresh;                // without them, if there are any
  std::vector<uint64_t> awaited;   // positions of earlier events that were not delivered by then
  uint64_t earlier_end = 0;        // above the positions of all repeats that stand in the journal

  void Clear() {
    named.clear();
    repeats.clear();
    id_conflicts = 0;
    left_out.clear();
    awaited.clear();
    earlier_end = 0;
  }
};

// Finds the events that clients send again: those whose source, id and bytes are those of one of the newest
// accepted events of the same client. Only ids that clients sent count. An event under a known id with other
// bytes is another event: taking it for a repeat would lose it. Where the journal survives the process its
// events are told again at the start (Restore), so that a client may repeat what a crash left unanswered.
//
// Two ids are taken for one when their keyed 128-bit hashes are the same, which with n ids in the window
// happens to a new one with a chance of n / 2^128: for 100 million ids, 3 in 10^31.
//
// Judging, appending and remembering are one step under the journal's lock: of two requests with the same
// event one finds the other's. An event whose append is refused is not remembered, and one that was
// dead-lettered is forgotten, so that sending it again is another try.
//
// The journal's lock guards it, from when the journal has it (Completions); Name and Size are for any thread.
class IdempotencyWindow {
 public:
  struct Options {
    RememberedIds::Options ids;
    base::SipKey key;  // no client may know it
  };

  explicit IdempotencyWindow(const Options& options) : key_(options.key), ids_(options.ids) {}

  // Notes the batch's last event if the client sent its id.
  void Name(const DecodedEvent& event, const EventBatch& batch, Deduplication& dedup) const;

  // Whether the batch has repeats: then what is to be stored is dedup.fresh, else the batch. In a waiter the
  // results of the fresh events come first, so a repeat of one of them shares its result; then those of the
  // awaited ones.
  bool FindRepeats(base::SteadyTime now, const EventBatch& batch, Deduplication& dedup);

  // What the last FindRepeats left was stored, from this position on. Without it nothing of that is
  // remembered.
  void Confirm(uint64_t first);

  // The events were delivered, or dead-lettered.
  void Settle(std::span<const uint64_t> positions, bool delivered);

  // What the journal knows of an event that an earlier process accepted.
  struct Restored {
    uint64_t position = 0;
    base::SteadyTime accepted_at;
    bool settled = false;
    ClientIdentity client = kNoClient;
    std::optional<std::string_view> written = std::nullopt;  // see Written; nullopt: the journal doesn't know
  };

  // In the order of their positions, before any Append.
  void Restore(const DecodedEvent& event, const Restored& restored);

  // What of an event's JSON tells whether two are the same: all that the client wrote, but for the brace that
  // it begins with.
  static std::string_view Written(std::string_view json) { return json.substr(1); }

  // Ids that are remembered; those of dead letters count until their time is over.
  uint64_t Size() const { return size_.load(std::memory_order_relaxed); }

 private:
  base::Hash128 HashOf(const DecodedEvent& event, ClientIdentity client) const;
  uint64_t FingerprintOf(std::string_view written) const;

  const base::SipKey key_;
  RememberedIds ids_;
  std::atomic<uint64_t> size_{0};
};

}  // namespace ei
