#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "app/ports/journal.h"
#include "app/remembered_ids.h"
#include "app/submission.h"
#include "base/mutex.h"
#include "base/sip_hash.h"
#include "base/time.h"
#include "domain/event.h"
#include "domain/event_batch.h"

namespace ei::app {

// Finds the events that clients send again: those whose source, id and bytes are those of one of the newest
// accepted events of the same client. Only ids that clients sent count. An event under a known id with other
// bytes is another event: taking it for a repeat would lose it. Where the journal survives the process its
// events are told again at the start (Restore), so that a client may repeat what a crash left unanswered.
//
// Two ids are taken for one when their keyed 128-bit hashes are the same, which with n ids in the window
// happens to a new one with a chance of n / 2^128: for 100 million ids, 3 in 10^31.
//
// Judging, appending and remembering are one step under one lock: of two requests with the same event one
// finds the other's. An event whose append is refused is not remembered, and one that was dead-lettered is
// forgotten, so that sending it again is another try.
//
// Thread-safe.
class IdempotencyWindow {
 public:
  struct Options {
    RememberedIds::Options ids;
    base::SipKey key;  // no client may know it
  };

  explicit IdempotencyWindow(const Options& options) : key_(options.key), ids_(options.ids) {}

  // Notes the events whose id the client sent; takes no lock. `event` is the last of the submission's batch.
  void Name(const domain::DecodedEvent& event, Submission& submission) const;

  // Judges the submission's batch (its `repeats`) and hands what is no repeat on to
  // `append(const EventBatch&, std::span<const uint64_t> awaited)`, which says how that went. `awaited` are
  // the positions of earlier events that were not delivered by then. The result's end is above the positions
  // of all events, the repeated ones too.
  template <typename Append>
  Appended AppendFresh(base::SteadyTime now, Submission& submission, Append append) {
    base::MutexLock lock(mutex_);
    const Judged judged = Judge(now, submission);
    Appended appended = append(judged.fresh, std::span<const uint64_t>(submission.awaited));
    if (appended.result != AppendResult::kAppended) return appended;
    ids_.Confirm(appended.end - judged.fresh.Size());
    appended.end = std::max(appended.end, judged.earlier_end);
    return appended;
  }

  // What became of events, by their positions. Told before anyone asks whether their fates are awaited
  // (Receipts::Awaited), so that a repeat that found its event undelivered is sure to be told.
  void Settle(std::span<const uint64_t> delivered, std::span<const uint64_t> dead_lettered);

  // What the journal knows of an event that an earlier process accepted.
  struct Restored {
    uint64_t position = 0;
    base::SteadyTime accepted_at;
    bool settled = false;
    domain::ClientIdentity client = domain::kNoClient;
    std::optional<std::string_view> written = std::nullopt;  // see Written; nullopt: the journal doesn't know
  };

  // In the order of their positions, before any Append.
  void Restore(const domain::DecodedEvent& event, const Restored& restored);

  // What of an event's JSON tells whether two are the same: all that the client wrote, but for the brace that
  // it begins with.
  static std::string_view Written(std::string_view json) { return json.substr(1); }

  // Ids that are remembered; those of dead letters count until their time is over.
  uint64_t Size() const;

 private:
  struct Judged {
    const domain::EventBatch& fresh;
    uint64_t earlier_end;  // above the positions of all repeats that stand in the journal
  };

  Judged Judge(base::SteadyTime now, Submission& submission) REQUIRES(mutex_);
  base::Hash128 HashOf(const domain::DecodedEvent& event, domain::ClientIdentity client) const;
  uint64_t FingerprintOf(std::string_view written) const;

  const base::SipKey key_;
  mutable base::Mutex mutex_;
  RememberedIds ids_ GUARDED_BY(mutex_);
};

}  // namespace ei::app
