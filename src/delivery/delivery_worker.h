#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "delivery/dead_letter_file.h"
#include "delivery/dead_letters.h"
#include "delivery/event_sink.h"
#include "delivery/retry_policy.h"
#include "event/telemetry.h"
#include "journal/drain_rate.h"
#include "journal/journal.h"

namespace ei {

// The objects that a delivery worker uses. They must outlive it.
struct DeliveryContext {
  Journal& journal;
  DrainRate& drain_rate;
  const Clock& clock;
  Telemetry& telemetry;
  Log& log;
  DeadLetterFile* dead_letter_file = nullptr;  // null: no file
};

// Moves the events of one lane from the journal to the sink, and their results back to the journal. It has no
// thread: Turn() handles the events that are there and never waits, and the sink reports from within its own
// functions. So a thread (WorkerPool) or the simulator can drive it. Used by one thread, except for Taken().
class DeliveryWorker final : public DeliveryListener {
 public:
  // The sink's lane must outlive the worker.
  DeliveryWorker(size_t lane, const DeliveryContext& context, SinkLane& sink,
                 const RetryPolicy& dead_letter_retries, uint64_t seed);

  // Passes the events that the journal has to the sink. Returns whether there were any.
  bool Turn();

  // When a turn is due even if nothing wakes the worker; nullopt: never.
  std::optional<base::SteadyTime> NextTurn() const { return dead_letters_.NextDue(); }

  // The number of events that were taken from the journal and are not settled. Any thread.
  uint64_t Taken() const { return taken_count_.load(std::memory_order_relaxed); }

  void OnDelivered(const SettledEvents& delivered) override;
  void OnRejected(const RejectedEvent& rejected) override;
  void OnDeadLetter(const DeadLetterReport& report) override { dead_letters_.OnReport(report); }

 private:
  void OnDeadLettered(const DeadLetter& dead_letter);
  void Settle(const SettledEvents& events);

  const size_t lane_;
  DeliveryContext context_;
  SinkLane& sink_;
  SentLog* const sent_;  // null: no record survives the process
  DeadLetters dead_letters_;
  std::vector<JournalEvent> taken_;  // scratch
  std::atomic<uint64_t> taken_count_{0};
};

}  // namespace ei
