#include "app/delivery_worker.h"

#include <algorithm>

namespace ei::app {

namespace {

constexpr size_t kTakeMax = 1024;  // events a Send; bounds the scratch, not the throughput

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
      slots_(options.inflight_events_max),
      dead_letters_(lane, {context.sink, context.dead_letter_file, context.clock, context.log},
                    options.transient_retries, *this),
      taken_(std::min(kTakeMax, options.inflight_events_max)) {
  free_.reserve(slots_.size());
  for (size_t slot = slots_.size(); slot > 0; --slot) free_.push_back(slot - 1);
  context_.sink.Attach(lane_, *this);
}

std::optional<base::Duration> DeliveryWorker::Turn() {
  const base::SteadyTime now = context_.clock.Now();
  SortFailures(now);
  SendDeadLetters(now);
  const auto wait = retries_.empty() ? TakeAndSend() : Resend(now);
  const auto letters = dead_letters_.UntilDue(now);
  return wait && letters ? std::min(*wait, *letters) : (wait ? wait : letters);
}

// Each failure goes where the next try will find it: the retries or the dead letters.
void DeliveryWorker::SortFailures(base::SteadyTime now) {
  std::vector<DeliveryReport> failures;
  {
    base::MutexLock lock(mutex_);
    failures.swap(failures_);
  }
  failures_seen_ += failures.size();
  uint64_t retried = 0;
  for (DeliveryReport& failure : failures) {
    Slot& slot = slots_[failure.token];
    if (slot.letter) {
      dead_letters_.Failed(*slot.letter, failure, now, random_.NextRandom());
      continue;
    }
    const bool own = failure.verdict != Verdict::kTransient;
    ++slot.failures;
    if (own && slot.suspect) ++slot.refusals;
    slot.suspect = slot.suspect || own;
    if (failure.verdict == Verdict::kEventInvalid ||
        (own && !options_.event_retries.MayRetry(slot.refusals))) {
      BecomeDeadLetter(failure, now);
      continue;
    }
    // The first time alone only finds out whose fault it was, so it needn't wait.
    base::Duration pause(0);
    if (!own) {
      pause = options_.transient_retries.Delay(slot.failures, random_.NextRandom());
    } else if (slot.refusals > 0) {
      pause = options_.event_retries.Delay(slot.refusals, random_.NextRandom());
    }
    resume_at_ = std::max(resume_at_, now + pause);
    retries_.push_back(failure.token);
    ++retried;
  }
  if (retried == 0) return;
  context_.telemetry.EventsRetried(retried);
  std::sort(retries_.begin(), retries_.end(),
            [this](uint64_t a, uint64_t b) { return slots_[a].event.position < slots_[b].event.position; });
}

void DeliveryWorker::BecomeDeadLetter(DeliveryReport& refusal, base::SteadyTime now) {
  Slot& slot = slots_[refusal.token];
  slot.letter = std::make_unique<DeadLetter>();
  slot.letter->event = Outbound(refusal.token);
  slot.letter->code = refusal.code;
  slot.letter->reason = std::move(refusal.reason);
  slot.letter->topic = refusal.topic;
  slot.letter->attempts = slot.failures;
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

std::optional<base::Duration> DeliveryWorker::Resend(base::SteadyTime now) {
  {
    base::MutexLock lock(mutex_);
    recovering_ = in_flight_ > 0;
    if (recovering_) return std::nullopt;
    if (!failures_.empty()) return base::Duration(0);  // one of them may be older
  }
  if (now < resume_at_) return resume_at_ - now;
  const bool alone = slots_[retries_.front()].suspect;
  const auto run_end = alone ? retries_.begin() + 1
                             : std::find_if(retries_.begin(), retries_.end(),
                                            [this](uint64_t slot) { return slots_[slot].suspect; });
  outbound_.clear();
  for (auto it = retries_.begin(); it != run_end; ++it) outbound_.push_back(Outbound(*it));
  retries_.erase(retries_.begin(), run_end);
  {
    base::MutexLock lock(mutex_);
    in_flight_ += outbound_.size();
  }
  context_.sink.Send(lane_, outbound_, alone ? Grouping::kAlone : Grouping::kTogether, failures_seen_);
  return base::Duration(0);
}

std::optional<base::Duration> DeliveryWorker::TakeAndSend() {
  outbound_.clear();
  {
    base::MutexLock lock(mutex_);
    if (!failures_.empty()) return base::Duration(0);
    const size_t room = std::min(taken_.size(), free_.size());
    const size_t count = context_.journal.Take(lane_, std::span(taken_).first(room));
    starved_ = count == room && room < taken_.size();
    for (size_t i = 0; i < count; ++i) {
      const uint64_t slot = free_.back();
      free_.pop_back();
      slots_[slot].event = taken_[i];
      outbound_.push_back(Outbound(slot));
    }
    in_flight_ += count;
  }
  if (outbound_.empty()) return std::nullopt;
  context_.sink.Send(lane_, outbound_, Grouping::kTogether, failures_seen_);
  return outbound_.size() == taken_.size() ? std::optional(base::Duration(0)) : std::nullopt;
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
    if (slot.failures > 0) slot = Slot{};
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
    free_.insert(free_.end(), done.begin(), done.end());
    for (DeliveryReport& report : reports) {
      if (report.verdict == Verdict::kDelivered) continue;
      failures_.push_back(std::move(report));
      wake = true;
    }
    wake = wake || (recovering_ && in_flight_ == 0);
    if (starved_ && (free_.size() >= slots_.size() / 4 || in_flight_ == 0) && !free_.empty()) {
      starved_ = false;
      wake = true;
    }
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
  return {slot, event.value, event.key, event.traceparent, event.key_hash, event.has_key};
}

size_t DeliveryWorker::InFlight() const {
  base::MutexLock lock(mutex_);
  return in_flight_ + letters_in_flight_;
}

}  // namespace ei::app
