#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/dead_letters.h"
#include "app/destination_queues.h"
#include "app/drain_rate.h"
#include "app/idempotency_window.h"
#include "app/ports/clock.h"
#include "app/ports/dead_letter_file.h"
#include "app/ports/event_sink.h"
#include "app/ports/journal.h"
#include "app/ports/log.h"
#include "app/ports/telemetry.h"
#include "app/receipts.h"
#include "app/stuck_destinations.h"
#include "base/mutex.h"
#include "domain/retry_policy.h"
#include "domain/uuid_v7.h"

namespace ei::app {

// What a delivery worker works with; the parts outlive it.
struct DeliveryContext {
  Journal& journal;
  EventSink& sink;
  DrainRate& drain_rate;
  Receipts& receipts;
  const Clock& clock;
  Telemetry& telemetry;
  Log& log;
  IdempotencyWindow* window = nullptr;         // null: there is none
  DeadLetterFile* dead_letter_file = nullptr;  // the same
  StuckDestinations* stuck = nullptr;          // null: nobody wants to know
};

struct DeliveryOptions {
  size_t inflight_events_max = 10'000;  // of this lane; a quarter more while destinations are stuck
  size_t taken_events_max = 100'000;    // from the journal and not settled; the journal's size does for it
  domain::RetryPolicy event_retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 3};
  domain::RetryPolicy transient_retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 0};
  base::Duration stuck_after = std::chrono::milliseconds(100);  // see DestinationQueues::Stuck
  base::Duration unknown_topic_grace =
      std::chrono::minutes(10);  // then an event without a topic is a dead letter
};

// The way out for one lane: take, send, settle. A pure state machine over its ports: Turn() does all that can
// be done now and never waits, so that a thread (WorkerPool) or the simulator can drive it.
//
// Order: events of a destination are sent in journal order. When one fails in a way that calls for another
// try, nothing more goes to its destination until every report from there is back; then the failed ones go
// first. Events of the same key that were sent before a failure was reported keep their place only if the
// sink fails them too (see EventSink). Destinations don't wait for one another (DestinationQueues).
//
// Turn() belongs to one thread; OnReports() may come from any. A slot belongs to the sink from Send until its
// report, else to the worker.
class DeliveryWorker final : public DeliveryListener {
 public:
  // `wake` asks for a Turn from another thread; it may be called with or without need, never under the lock.
  DeliveryWorker(size_t lane, const DeliveryOptions& options, const DeliveryContext& context, uint64_t seed,
                 std::function<void()> wake);

  // Returns how long the next Turn may wait when nobody wakes the worker; nullopt: for ever.
  std::optional<base::Duration> Turn();

  void OnReports(std::span<DeliveryReport> reports) override;

  // Events handed to the sink whose report is not back. Any thread.
  size_t InFlight() const;

  // Events that were taken and wait because their destination is busy, stuck or recovering. Any thread.
  size_t Waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    JournalEvent event;
    DestinationId destination = 0;                        // since it was sent
    uint32_t failures = 0;                                // to reach its topic, for whatever reason
    uint32_t refusals = 0;                                // of those: when it was sent alone and refused
    uint64_t delivered_then = 0;                          // to its topic, at the first of these
    std::optional<base::SteadyTime> unknown_topic_since;  // its topic wasn't there, in every try from then on
    uint32_t group_max = 0;  // not 0: it was refused, perhaps for another's fault; the next group is smaller
    uint32_t topic = 0;      // see Destinations
    bool sent = false;       // it is in flight to its topic
    bool compact = false;    // it keeps no memory but its own
    uint32_t group = 0;      // that it was sent in; 1: alone, so that a refusal is its own
    std::unique_ptr<DeadLetter> letter;  // what became of it; null: it is on its way to its topic
  };

  void TakeReports(base::SteadyTime now);
  void SortFailures(std::vector<DeliveryReport>& failures, base::SteadyTime now);
  void CountRefused(std::span<const DeliveryReport> failures);
  bool IsUndeliverable(Slot& slot, const Destinations& ways, Verdict verdict, base::SteadyTime now) const;
  void SendAgain(const DeliveryReport& failure, const Destinations& ways, base::SteadyTime now);
  void SendAgainAlone(const DeliveryReport& failure, const Destinations& ways, base::SteadyTime now);
  void BecomeDeadLetter(DeliveryReport& refusal, base::SteadyTime now);
  void SendDeadLetters(base::SteadyTime now);
  size_t TakeEvents(base::SteadyTime now);
  DestinationQueues::Entry EntryOf(uint64_t number) const;
  Destinations WaysOf(uint64_t number, base::SteadyTime now);
  DestinationId PresentWayOf(const Slot& slot, base::SteadyTime now);
  Destinations TakeBack(uint64_t number, base::SteadyTime now);
  void Relayout(const Destinations& seen, base::SteadyTime now);
  void GiveBackSlots();
  void SendDepartures(base::SteadyTime now);
  void LookForStuck(base::SteadyTime now);
  void MakeRoomBeside(DestinationId stuck);
  std::optional<base::Duration> UntilNextTurn(base::SteadyTime now);
  void TellWindow(std::span<const DeliveryReport> reports) const;
  OutboundEvent Outbound(uint64_t slot) const;

  const size_t lane_;
  const DeliveryOptions options_;
  DeliveryContext context_;
  const std::function<void()> wake_;
  domain::UuidV7Generator random_;

  std::vector<Slot> slots_;  // its memory stays where it is while one is taken
  std::vector<uint64_t> free_;
  DestinationQueues queues_;
  std::atomic<size_t> waiting_{0};  // in queues_, as of the last Turn
  base::SteadyTime stuck_look_at_;  // the next one
  bool stuck_told_ = false;         // that there are some
  DeadLetters dead_letters_;
  uint64_t failures_seen_ = 0;                           // see EventSink::Send
  std::vector<JournalEvent> taken_;                      // scratch
  std::unordered_map<DestinationId, uint32_t> refused_;  // scratch: how many of the events refused just now
  std::vector<uint64_t> compacted_;                      // scratch
  std::vector<OutboundEvent> outbound_;
  std::vector<DestinationQueues::Departure> departures_;

  mutable base::Mutex mutex_;
  std::vector<uint64_t> delivered_ GUARDED_BY(mutex_);  // slots of delivered events and settled dead letters
  std::vector<DeliveryReport> failures_ GUARDED_BY(mutex_);
  size_t in_flight_ GUARDED_BY(mutex_) = 0;          // sent to the topic, no report yet
  size_t letters_in_flight_ GUARDED_BY(mutex_) = 0;  // sent to the dead-letter destination, no report yet
  size_t reports_awaited_ GUARDED_BY(mutex_) = 0;    // after so many a Turn is worth while; 0: none is
};

}  // namespace ei::app
