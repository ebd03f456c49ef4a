// The part of DeliveryWorker that decides what becomes of events that failed.

#include <algorithm>

#include "app/delivery_worker.h"

namespace ei::app {

namespace {

constexpr base::Duration kProbePause = std::chrono::seconds(1);  // at most, where everything is refused
constexpr uint32_t kGroups = 4;  // that events which were refused together are divided into

}  // namespace

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

}  // namespace ei::app
