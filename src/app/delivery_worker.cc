// Long because: one state machine over its ports, whose steps share all of their state.

#include "app/delivery_worker.h"

#include <algorithm>

namespace ei::app {

namespace {

constexpr size_t kTakeMax = 1024;  // events a Send; bounds the scratch, not the throughput
constexpr auto kStuckLook = std::chrono::milliseconds(50);       // so often is looked for stuck destinations
constexpr auto kStandstill = std::chrono::milliseconds(100);     // then their events make room for others
constexpr base::Duration kProbePause = std::chrono::seconds(1);  // at most, where everything is refused
constexpr size_t kSlotsKept = 32'768;  // of a table that is free, so that a steady load allocates nothing
constexpr uint32_t kGroups = 4;        // that events which were refused together are divided into

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

void DeliveryWorker::CountRefused(std::span<const DeliveryReport> failures) {
  refused_.clear();
  for (const DeliveryReport& failure : failures) {
    const Slot& slot = slots_[failure.token];
    if (failure.verdict == Verdict::kEventRefused && !slot.letter) ++refused_[slot.destination];
  }
}

// Each failure goes where the next try will find it: its queue or the dead letters.
//
// Whose fault it is that events were refused together shows in ever smaller groups: of n events with one that
// is at fault, some log4(n) times 4 requests find it (compare R. Dorfman, "The Detection of Defective Members
// of Large Populations", 1943).
void DeliveryWorker::SortFailures(std::vector<DeliveryReport>& failures, base::SteadyTime now) {
  uint64_t retried = 0;
  CountRefused(failures);
  for (DeliveryReport& failure : failures) {
    Slot& slot = slots_[failure.token];
    failures_seen_ += slot.letter && !slot.letter->AtSink() ? 0 : 1;
    if (slot.letter) {
      dead_letters_.Failed(*slot.letter, failure, now, random_.NextRandom());
      continue;
    }
    ++slot.failures;
    const uint32_t refused_with_it = refused_[slot.destination];
    const Destinations ways = TakeBack(failure.token, now);
    if (failure.verdict == Verdict::kEventRefused) {
      if (slot.group == 1 && slot.refusals++ == 0) slot.delivered_then = queues_.DeliveredTo(ways.topic);
      slot.group_max = (refused_with_it + kGroups - 1) / kGroups;
    }
    if (IsUndeliverable(slot, ways, failure.verdict, now)) {
      queues_.GivenUp(ways.first, failure.verdict == Verdict::kEventRefused);
      BecomeDeadLetter(failure, now);
      continue;
    }
    SendAgain(failure, ways, now);
    if (retried++ > 0) continue;
    context_.log.Write(LogLevel::kWarn, "delivery", "events that were not delivered are sent again",
                       {{"code", failure.code}, {"reason", std::string_view(failure.reason)}});
  }
  queues_.EndPutBack();
  if (retried > 0) context_.telemetry.EventsRetried(retried);
}

// What only finds out whose fault it was needn't wait.
void DeliveryWorker::SendAgain(const DeliveryReport& failure, const Destinations& ways,
                               base::SteadyTime now) {
  const Slot& slot = slots_[failure.token];
  if (failure.verdict == Verdict::kEventRefused && slot.group == 1) {
    return SendAgainAlone(failure, ways, now);
  }
  base::Duration pause(0);
  if (failure.verdict != Verdict::kEventRefused) {
    pause = options_.transient_retries.Delay(slot.failures, random_.NextRandom());
  }
  queues_.PutBack(ways, EntryOf(failure.token), now + pause);
}

// One that was refused alone waits beside its destination, which goes on. Is there nothing that its topic
// takes, it may be no event's fault (a validator or a broker that is not set up as it should be), and dead
// letters would be made of all that comes: its destination waits then, and asks one by one.
void DeliveryWorker::SendAgainAlone(const DeliveryReport& failure, const Destinations& ways,
                                    base::SteadyTime now) {
  const Slot& slot = slots_[failure.token];
  const DestinationQueues::Entry entry = EntryOf(failure.token);
  if (options_.event_retries.MayRetry(slot.refusals) && !queues_.Suspected(ways.first)) {
    return queues_.PutAside(ways, entry,
                            now + options_.event_retries.Delay(slot.refusals, random_.NextRandom()));
  }
  const uint32_t suspicions = queues_.Suspect(ways);
  const base::Duration pause = options_.transient_retries.Delay(suspicions, random_.NextRandom());
  queues_.PutBack(ways, entry, now + std::min(kProbePause, pause));
  if (suspicions > 1) return;
  context_.telemetry.SinkFault(kAllRefused);
  context_.log.Write(
      LogLevel::kError, "delivery",
      "a topic takes no event at all: none becomes a dead letter until it takes one; check "
      "the topic's settings and the brokers'",
      {{"topic", failure.topic}, {"code", failure.code}, {"reason", std::string_view(failure.reason)}});
}

bool DeliveryWorker::IsUndeliverable(Slot& slot, const Destinations& ways, Verdict verdict,
                                     base::SteadyTime now) const {
  if (verdict != Verdict::kUnknownTopic) slot.unknown_topic_since.reset();
  switch (verdict) {
    case Verdict::kEventInvalid: return true;
    case Verdict::kEventRefused:
      return !options_.event_retries.MayRetry(slot.refusals) &&
             queues_.DeliveredTo(ways.topic) > slot.delivered_then;
    case Verdict::kUnknownTopic:
      if (!slot.unknown_topic_since) slot.unknown_topic_since = now;
      return now - *slot.unknown_topic_since >= options_.unknown_topic_grace;
    default: return false;
  }
}

void DeliveryWorker::BecomeDeadLetter(DeliveryReport& refusal, base::SteadyTime now) {
  Slot& slot = slots_[refusal.token];
  slot.letter = std::make_unique<DeadLetter>();
  slot.letter->event = Outbound(refusal.token);
  slot.letter->code = refusal.code;
  slot.letter->reason = std::move(refusal.reason);
  slot.letter->topic = refusal.topic;
  // When it was refused with others it wasn't tried itself.
  slot.letter->attempts =
      refusal.verdict == Verdict::kUnknownTopic ? slot.failures : std::max(slot.refusals, uint32_t{1});
  dead_letters_.Add(*slot.letter, now);
}

void DeliveryWorker::SendDeadLetters(base::SteadyTime now) {
  const size_t due = dead_letters_.TakeDue(now);
  if (due == 0) return;
  {
    base::MutexLock lock(mutex_);
    letters_in_flight_ += due;
  }
  dead_letters_.Send();
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
