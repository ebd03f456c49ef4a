#include "app/delivery_worker.h"

#include <algorithm>

namespace ei::app {

namespace {

constexpr size_t kTakeMax = 1024;  // events a Send; bounds the scratch, not the throughput
constexpr auto kStuckLook = std::chrono::milliseconds(50);    // so often is looked for stuck destinations
constexpr auto kStandstill = std::chrono::milliseconds(100);  // then their events make room for others
constexpr size_t kSlotsKept = 32'768;  // of a table that is free, so that a steady load allocates nothing

LetterPlace PlaceOf(const DeadLetter& letter) {
  return letter.place.empty() ? LetterPlace::kTopic : LetterPlace::kFile;
}

}  // namespace

DeliveryWorker::DeliveryWorker(size_t lane, const DeliveryOptions& options, const DeliveryContext& context,
                               uint64_t seed, std::function<void()> wake)
    : lane_(lane),
      options_(options),
      context_(context),
      wake_(std::move(wake)),
      random_(seed),
      queues_(options.inflight_events_max),
      dead_letters_(lane, {context.sink, context.dead_letter_file, context.clock, context.log},
                    options.transient_retries, *this),
      taken_(kTakeMax) {
  slots_.reserve(options.taken_events_max);
  context_.sink.Attach(lane_, *this);
}

std::optional<base::Duration> DeliveryWorker::Turn() {
  const base::SteadyTime now = context_.clock.Now();
  TakeReports(now);
  SendDeadLetters(now);
  const bool more = TakeEvents(now) == taken_.size();
  SendDepartures(now);
  LookForStuck(now);
  return more ? base::Duration(0) : UntilNextTurn(now);
}

void DeliveryWorker::TakeReports(base::SteadyTime now) {
  std::vector<uint64_t> delivered;
  std::vector<DeliveryReport> failures;
  {
    base::MutexLock lock(mutex_);
    delivered.swap(delivered_);
    failures.swap(failures_);
  }
  for (const uint64_t number : delivered) {
    Slot& slot = slots_[number];
    if (!slot.letter && queues_.Delivered(slot.destination, now) && slot.event.has_key) {
      queues_.Arrived(PresentWayOf(slot, now), now);
    }
    slot.sent = false;
    if (slot.failures > 0) slot = Slot{};
    free_.push_back(number);
  }
  SortFailures(failures, now);
  GiveBackSlots();
}

void DeliveryWorker::GiveBackSlots() {
  if (slots_.size() <= kSlotsKept || free_.size() < slots_.size()) return;
  std::vector<Slot>().swap(slots_);
  std::vector<uint64_t>().swap(free_);
  slots_.reserve(options_.taken_events_max);
}

size_t DeliveryWorker::TakeEvents(base::SteadyTime now) {
  const size_t room = free_.size() + options_.taken_events_max - slots_.size();
  const size_t count = context_.journal.Take(lane_, std::span(taken_).first(std::min(room, taken_.size())));
  for (size_t i = 0; i < count; ++i) {
    if (free_.empty()) {
      free_.push_back(slots_.size());
      slots_.emplace_back();
    }
    const uint64_t number = free_.back();
    free_.pop_back();
    slots_[number].event = taken_[i];
    slots_[number].compact = false;
    const Destinations ways = WaysOf(number, now);
    queues_.Add(ways, EntryOf(number));
  }
  return count;
}

DestinationQueues::Entry DeliveryWorker::EntryOf(uint64_t number) const {
  const Slot& slot = slots_[number];
  const uint32_t key_hash = slot.event.has_key ? slot.event.key_hash : static_cast<uint32_t>(number);
  return {number, slot.event.position, slot.group_max, key_hash, slot.refusals > 0};
}

Destinations DeliveryWorker::WaysOf(uint64_t number, base::SteadyTime now) {
  for (;;) {
    const Destinations ways = context_.sink.DestinationsOf(Outbound(number));
    slots_[number].topic = ways.topic;
    if (ways.layout == queues_.LayoutOf(ways.topic)) return ways;
    Relayout(ways, now);
  }
}

// The same of an event with a key, which may be settled and its bytes gone.
DestinationId DeliveryWorker::PresentWayOf(const Slot& slot, base::SteadyTime now) {
  for (;;) {
    const Destinations ways = context_.sink.DestinationsOf(slot.topic, slot.event.key_hash);
    if (ways.layout == queues_.LayoutOf(ways.topic)) return ways.first;
    Relayout(ways, now);
  }
}

// The one destination that an event which failed goes to next.
Destinations DeliveryWorker::TakeBack(uint64_t number, base::SteadyTime now) {
  Slot& slot = slots_[number];
  Destinations ways = WaysOf(number, now);
  if (!queues_.Returned(slot.destination)) {
    ways.first = slot.destination;
  } else if (slot.event.has_key) {
    queues_.Arrived(ways.first, now);
  } else {
    ways.first += number % ways.count;
  }
  ways.count = 1;
  slot.sent = false;
  return ways;
}

// What waits goes by the new layout, in its order, and behind what of its keys is in flight by the old one.
void DeliveryWorker::Relayout(const Destinations& seen, base::SteadyTime now) {
  const std::vector<DestinationQueues::Entry> waiting = queues_.Relayout(seen.topic, seen.layout);
  std::vector<Destinations> ways;
  std::vector<Destinations> awaited;
  uint32_t layout = seen.layout;
  for (bool settled = false; !settled;) {
    settled = true;
    ways.clear();
    awaited.clear();
    const auto take = [&](std::vector<Destinations>& answers, const Destinations& answer) {
      answers.push_back(answer);
      settled = settled && answer.layout == layout;
      layout = answer.layout;
    };
    for (const auto& entry : waiting) take(ways, context_.sink.DestinationsOf(Outbound(entry.slot)));
    for (const Slot& slot : slots_) {
      if (!slot.sent || !slot.event.has_key || slot.topic != seen.topic) continue;
      take(awaited, context_.sink.DestinationsOf(slot.topic, slot.event.key_hash));
    }
  }
  queues_.Relayout(seen.topic, layout);
  for (const Destinations& each : awaited) queues_.Await(each, now);
  for (size_t i = 0; i < waiting.size(); ++i) queues_.Add(ways[i], waiting[i]);
}

void DeliveryWorker::SendDepartures(base::SteadyTime now) {
  departures_.clear();
  outbound_.clear();
  {
    base::MutexLock lock(mutex_);
    if (!failures_.empty()) return;  // one of them may have to go first
    queues_.TakeDepartures(now, kTakeMax, departures_);
    in_flight_ += departures_.size();
  }
  for (const auto& departure : departures_) {
    slots_[departure.slot].destination = departure.destination;
    slots_[departure.slot].group = departure.group;
    slots_[departure.slot].sent = true;
    if (departure.group != 1) outbound_.push_back(Outbound(departure.slot));
  }
  if (!outbound_.empty()) context_.sink.Send(lane_, outbound_, Grouping::kTogether, failures_seen_);
  for (const auto& departure : departures_) {
    if (departure.group != 1) continue;
    const OutboundEvent event = Outbound(departure.slot);
    context_.sink.Send(lane_, std::span(&event, 1), Grouping::kAlone, failures_seen_);
  }
}

// While some are stuck it goes on looking, though nothing may be sent or come back any more: else what is
// refused for their sake would be refused for ever.
void DeliveryWorker::LookForStuck(base::SteadyTime now) {
  if (now < stuck_look_at_) return;
  stuck_look_at_ = now + kStuckLook;
  for (const DestinationId standing : queues_.Stuck(now, kStandstill)) MakeRoomBeside(standing);
  if (context_.stuck == nullptr) return;
  std::vector<DestinationId> stuck = queues_.Stuck(now, options_.stuck_after);
  if (stuck.empty() && !stuck_told_) return;
  stuck_told_ = !stuck.empty();
  context_.stuck->Tell(lane_, std::move(stuck));
}

// What waits for it shares memory with the events of others, which would stay in use with it.
void DeliveryWorker::MakeRoomBeside(DestinationId stuck) {
  queues_.Halt(stuck);
  compacted_.clear();
  queues_.VisitWaiting(stuck, [this](uint64_t number) {
    if (slots_[number].compact) return false;
    slots_[number].compact = true;
    compacted_.push_back(number);
    return true;
  });
  for (size_t done = 0; done < compacted_.size(); done += taken_.size()) {
    const auto numbers =
        std::span(compacted_).subspan(done, std::min(compacted_.size() - done, taken_.size()));
    for (size_t i = 0; i < numbers.size(); ++i) taken_[i] = slots_[numbers[i]].event;
    const size_t moved = context_.journal.Compact(std::span(taken_).first(numbers.size()));
    for (size_t i = 0; i < numbers.size(); ++i) {
      slots_[numbers[i]].event = taken_[i];
      slots_[numbers[i]].compact = i < moved;
    }
  }
}

std::optional<base::Duration> DeliveryWorker::UntilNextTurn(base::SteadyTime now) {
  std::optional<base::SteadyTime> next = queues_.NextDeparture();
  if (const auto letters = dead_letters_.UntilDue(now))
    next = next ? std::min(*next, now + *letters) : now + *letters;
  if (stuck_told_) next = next ? std::min(*next, stuck_look_at_) : stuck_look_at_;
  waiting_.store(queues_.Waiting(), std::memory_order_relaxed);
  size_t awaited = queues_.ReportsWorthALook();
  const bool full = free_.empty() && slots_.size() == options_.taken_events_max;
  if (full && awaited == 0) awaited = std::clamp(queues_.InFlight(), size_t{1}, slots_.size() / 4 + 1);
  base::MutexLock lock(mutex_);
  reports_awaited_ = awaited;
  const bool enough = awaited > 0 && delivered_.size() >= awaited;
  if (enough || !failures_.empty() || departures_.size() == kTakeMax) return base::Duration(0);
  if (!next) return std::nullopt;
  return std::max(base::Duration(0), *next - now);
}

void DeliveryWorker::OnReports(std::span<DeliveryReport> reports) {
  // Scratch that lives as long as the sink's thread: reports come by the thousand.
  thread_local std::vector<uint64_t> positions;
  thread_local std::vector<uint64_t> done;
  thread_local std::vector<SettledEvent> awaited;
  positions.clear();
  done.clear();
  awaited.clear();
  if (context_.window != nullptr) TellWindow(reports);
  const bool anyone_waits = context_.receipts.Awaited();
  const base::SteadyTime now = context_.clock.Now();
  size_t letters = 0;
  size_t run = 0;  // delivered events of one request, told together
  base::SteadyTime run_accepted_at;
  const auto tell_run = [&] {
    if (run > 0) context_.telemetry.EventsDelivered(run, now - run_accepted_at);
    run = 0;
  };
  for (const DeliveryReport& report : reports) {
    Slot& slot = slots_[report.token];
    letters += slot.letter ? 1 : 0;
    if (report.verdict != Verdict::kDelivered) continue;
    if (slot.letter) {
      context_.telemetry.EventsDeadLettered(slot.letter->code, PlaceOf(*slot.letter), 1);
    } else {
      if (run > 0 && slot.event.accepted_at != run_accepted_at) tell_run();
      run_accepted_at = slot.event.accepted_at;
      ++run;
    }
    positions.push_back(slot.event.position);
    done.push_back(report.token);
    if (anyone_waits) {
      const EventFate delivered{{}, report.topic, report.partition, report.offset};
      awaited.push_back(
          {slot.event.position, slot.letter ? EventFate{slot.letter->code, {}, -1, -1} : delivered});
    }
  }
  tell_run();
  context_.journal.Settle(positions);
  context_.drain_rate.Settled(positions.size(), now);
  if (!awaited.empty()) context_.receipts.Tell(awaited);

  bool wake = false;
  {
    base::MutexLock lock(mutex_);
    letters_in_flight_ -= letters;
    in_flight_ -= reports.size() - letters;
    delivered_.insert(delivered_.end(), done.begin(), done.end());
    for (DeliveryReport& report : reports) {
      if (report.verdict == Verdict::kDelivered) continue;
      failures_.push_back(std::move(report));
      wake = true;
    }
    wake = wake || (reports_awaited_ > 0 && delivered_.size() >= reports_awaited_);
  }
  if (wake) wake_();
}

void DeliveryWorker::TellWindow(std::span<const DeliveryReport> reports) const {
  thread_local std::vector<uint64_t> delivered;
  thread_local std::vector<uint64_t> dead_lettered;
  delivered.clear();
  dead_lettered.clear();
  for (const DeliveryReport& report : reports) {
    if (report.verdict != Verdict::kDelivered) continue;
    const Slot& slot = slots_[report.token];
    (slot.letter ? dead_lettered : delivered).push_back(slot.event.position);
  }
  context_.window->Settle(delivered, dead_lettered);
}

OutboundEvent DeliveryWorker::Outbound(uint64_t slot) const {
  const JournalEvent& event = slots_[slot].event;
  return {slot,
          event.value,
          event.key,
          event.topic,
          event.traceparent,
          event.key_hash,
          event.has_key,
          slots_[slot].destination};
}

size_t DeliveryWorker::InFlight() const {
  base::MutexLock lock(mutex_);
  return in_flight_ + letters_in_flight_;
}

}  // namespace ei::app
