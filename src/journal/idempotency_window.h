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
  uint32_t event;            // its number in the batch
  base::Hash128 id;          // hash of client, source and id
  uint64_t fingerprint = 0;  // hash of the event's bytes as the client wrote them
};

// An event of a batch that was accepted before, or that is in the batch twice. It is acknowledged but not
// stored again.
struct Repeat {
  static constexpr uint32_t kDelivered = std::numeric_limits<uint32_t>::max();

  uint32_t event;   // its number in the batch
  uint32_t result;  // level broker: index in Waiter::Results(), or kDelivered: done before, no result
};

// The repeats of one request. Reused for the next request.
struct Deduplication {
  std::vector<IdentifiedEvent> named;  // the events to check, ascending

  // Results of FindRepeats.
  std::vector<Repeat> repeats;     // ascending
  uint64_t id_conflicts = 0;       // events that share an id with another event but differ in their bytes
  std::vector<uint32_t> left_out;  // numbers of the repeats in the batch, ascending
  EventBatch fresh;                // the batch without its repeats; set only if there are repeats
  std::vector<uint64_t> awaited;   // positions of repeated earlier events that are not delivered yet
  uint64_t earlier_end = 0;        // above the positions of all repeated events that are in the journal

  void Clear() {
    named.clear();
    repeats.clear();
    id_conflicts = 0;
    left_out.clear();
    awaited.clear();
    earlier_end = 0;
  }
};

// Finds events that clients send again: events with the same source, id and bytes as one of the newest
// accepted events of the same client. Only ids that clients sent are considered. An event with a known id but
// different bytes is a different event; if it were treated as a repeat, it would be lost. A journal that
// survives the process restores its events at the start (Restore), so that a client can repeat requests that
// a crash left unanswered.
//
// Two ids are considered equal if their keyed 128-bit hashes are equal. With n ids in the window, the
// probability that a new id equals another by chance is n / 2^128: for 100 million ids, 3 in 10^31.
//
// Checking, appending and remembering are one step under the journal's lock. So if two concurrent requests
// have the same event, the second one finds the event of the first. An event whose append is rejected is not
// remembered. An event that is dead-lettered is forgotten, so that sending it again is a new attempt.
//
// Guarded by the journal's lock from the moment it is passed to the journal (Completions). Name and Size may
// be called by any thread.
class IdempotencyWindow {
 public:
  struct Options {
    RememberedIds::Options ids;
    base::SipKey key;  // must not be known to clients
  };

  explicit IdempotencyWindow(const Options& options) : key_(options.key), ids_(options.ids) {}

  // Adds the batch's last event to dedup.named if the client sent its id.
  void Name(const DecodedEvent& event, const EventBatch& batch, Deduplication& dedup) const;

  // Checks the events in dedup.named and fills in the results. Returns whether the batch has repeats; then
  // dedup.fresh has to be stored, otherwise the batch. In a waiter's results the fresh events come first, so
  // that a repeat of one of them shares its result; the awaited earlier events follow.
  bool FindRepeats(base::SteadyTime now, const EventBatch& batch, Deduplication& dedup);

  // The fresh events of the last FindRepeats are stored, from position `first` on. Without this call their
  // ids are not remembered.
  void Confirm(uint64_t first);

  // The events were delivered, or dead-lettered if not `delivered`.
  void Settle(std::span<const uint64_t> positions, bool delivered);

  // An event that a previous process accepted, as the journal knows it.
  struct Restored {
    uint64_t position = 0;
    base::SteadyTime accepted_at;
    bool settled = false;
    ClientIdentity client = kNoClient;
    std::optional<std::string_view> written = std::nullopt;  // see Written; nullopt: not known
  };

  // Must be called in ascending order of positions, before any Append.
  void Restore(const DecodedEvent& event, const Restored& restored);

  // The part of an event's JSON that decides whether two events are the same: everything that the client
  // wrote except for the opening brace.
  static std::string_view Written(std::string_view json) { return json.substr(1); }

  // The number of remembered ids. Ids of dead letters are counted until their time is over.
  uint64_t Size() const { return size_.load(std::memory_order_relaxed); }

 private:
  base::Hash128 HashOf(const DecodedEvent& event, ClientIdentity client) const;
  uint64_t FingerprintOf(std::string_view written) const;

  const base::SipKey key_;
  RememberedIds ids_;
  std::atomic<uint64_t> size_{0};
};

}  // namespace ei
