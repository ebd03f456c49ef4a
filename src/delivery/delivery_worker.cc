#include "delivery/delivery_worker.h"

#include <array>

namespace ei {

namespace {

constexpr size_t kTakeMax = 1024;  // events of one Take; limits the scratch memory, not the throughput

}  // namespace

DeliveryWorker::DeliveryWorker(size_t lane, const DeliveryContext& context, SinkLane& sink,
                               const RetryPolicy& dead_letter_retries, uint64_t seed)
    : lane_(lane),
      context_(context),
      sink_(sink),
      sent_(context.journal.Sent(lane)),
      dead_letters_({sink, context.dead_letter_file, context.clock, context.log}, dead_letter_retries, seed,
                    [this](const DeadLetter& dead_letter) { OnDeadLettered(dead_letter); }),
      taken_(kTakeMax) {
  sink_.Attach(*this, sent_);
}

bool DeliveryWorker::Turn() {
  dead_letters_.SendDue();
  bool any = false;
  // The last Take returns no events and releases the memory of those before.
  while (const size_t taken = context_.journal.Take(lane_, taken_)) {
    any = true;
    taken_count_.fetch_add(taken, std::memory_order_relaxed);
    for (size_t i = 0; i < taken; ++i) sink_.Add(taken_[i]);
  }
  return any;
}

void DeliveryWorker::OnDelivered(const SettledEvents& delivered) {
  const base::SteadyTime now = context_.clock.Now();
  for (const EventRun& run : delivered.runs) {
    context_.telemetry.EventsDelivered(run.events, now - run.accepted_at);
  }
  Settle(delivered);
}

void DeliveryWorker::OnRejected(const RejectedEvent& rejected) { dead_letters_.Add(rejected); }

void DeliveryWorker::OnDeadLettered(const DeadLetter& dead_letter) {
  const std::array positions = {dead_letter.position};
  const std::array runs = {dead_letter.run};
  context_.telemetry.EventsDeadLettered(dead_letter.code, dead_letter.Place(), 1);
  Settle({positions, runs, {dead_letter.code, {}, -1, -1}});
}

void DeliveryWorker::Settle(const SettledEvents& events) {
  if (sent_ != nullptr) sent_->NoteSettled(events.positions);
  context_.journal.Settle(events);
  context_.drain_rate.Settled(events.positions.size(), context_.clock.Now());
  taken_count_.fetch_sub(events.positions.size(), std::memory_order_relaxed);
}

}  // namespace ei
