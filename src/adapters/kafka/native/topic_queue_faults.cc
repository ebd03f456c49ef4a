// TopicQueue: who is at fault when the topic refuses records.

#include "adapters/kafka/native/topic_queue.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ei::kafka::native {

void TopicQueue::OnDelivered(const Partition& partition, const Batch& batch, base::SteadyTime now) {
  // One that was in doubt may have been taken long ago.
  if (!batch.in_doubt) took_ = std::max(took_, batch.sent_at);
  if (!attempts_.empty()) {
    for (const uint64_t token : batch.tokens) attempts_.erase(token);
  }
  if (!rejected_.empty()) next_turn_ = {};
  const auto index = static_cast<size_t>(partition.Index());
  if (index >= places_.size()) return;
  places_[index].moved_at = now;
  places_[index].delivered_then = lane_delivered_;
}

void TopicQueue::OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected,
                            std::string_view code, std::span<const std::string> reasons,
                            base::SteadyTime now) {
  // What thousands of records have in common is kept once.
  if (std::ranges::all_of(reasons, [&](const auto& each) { return each == reasons.front(); })) {
    reasons = reasons.first(1);
  }
  if (rejected->dead_letters || code == "message_too_large" || LacksKeys(*rejected)) {
    return TellUndeliverable(*rejected, code, reasons);
  }
  const uint32_t attempts = Attempts(*rejected);
  const base::Duration pause = options_.rejected_retries.Delay(attempts, random_());
  rejected_.push_back({.records = std::move(rejected),
                       .code = code,
                       .reasons = {reasons.begin(), reasons.end()},
                       .attempts = attempts,
                       .partition = partition.Index(),
                       .partitions = partitions_,
                       .since = now,
                       .again_at = now + pause});
  next_turn_ = {};
}

void TopicQueue::UseRules(const Rules& rules) {
  rules_ = rules;
  bool any = false;
  for (Rejected& one : std::exchange(rejected_, {})) {
    if (LacksKeys(*one.records)) {
      TellUndeliverable(*one.records, one.code, one.reasons);
      any = true;
    } else {
      rejected_.push_back(std::move(one));
    }
  }
  if (any && rejected_.empty()) suspected_since_.reset();
}

bool TopicQueue::LacksKeys(const Batch& rejected) const {
  if (!rules_.compacted) return false;
  bool any_key = false;
  rejected.records.Visit([&](uint32_t, const wire::RecordView& record) { any_key = any_key || record.key; });
  return !any_key;
}

TopicQueue::Rejected TopicQueue::TakeOldestRejected() {
  Rejected oldest = std::move(rejected_.front());
  rejected_.pop_front();
  return oldest;
}

void TopicQueue::Judge(base::SteadyTime now) {
  if (suspected_since_ && *suspected_since_ < took_) {
    suspected_since_.reset();
    while (!rejected_.empty() && rejected_.front().since < took_) TryAgain(TakeOldestRejected(), now);
  }
  while (!suspected_since_ && !rejected_.empty() && rejected_.front().since < took_) {
    Rejected one = TakeOldestRejected();
    if (options_.rejected_retries.MayRetry(one.attempts)) {
      const base::SteadyTime again_at = one.again_at;
      again_.emplace(again_at, std::move(one));
    } else {
      TellUndeliverable(*one.records, one.code, one.reasons);
    }
  }
  while (!again_.empty() && again_.begin()->first <= now) {
    TryAgain(std::move(again_.extract(again_.begin()).mapped()), now);
  }
  if (!again_.empty()) Wake(again_.begin()->first);
  if (!rejected_.empty()) Suspect(now);
}

// The topic has taken nothing since the oldest one.
void TopicQueue::Suspect(base::SteadyTime now) {
  if (!suspected_since_) {
    const base::SteadyTime suspect_at = rejected_.front().since + kSuspectAfter;
    if (now < suspect_at) return Wake(suspect_at);
    suspected_since_ = now;
    probes_ = 0;
    probe_at_ = now;
    listener_.OnTopicFault("all_refused", name_, rejected_.front().reasons.front());
  }
  if (now >= probe_at_) {
    TryAgain(TakeOldestRejected(), now);
    probe_at_ = now + options_.rejected_retries.Delay(++probes_, random_());
  }
  Wake(probe_at_);
}

void TopicQueue::TryAgain(Rejected rejected, base::SteadyTime now) {
  // One that the topic refused while it took nothing at all says nothing of the records.
  const uint32_t counted = rejected.since < took_ ? 1 : 0;
  for (const uint64_t token : rejected.records->tokens) attempts_[token] = rejected.attempts + counted;
  rejected.records->sealed = true;
  if (rejected.partitions == partitions_ && unplaced_.empty()) {
    Place& place = places_[static_cast<size_t>(rejected.partition)];
    NoteFilled(place, now);
    place.line->partition.TryAgain(std::move(rejected.records));
    return producer_.Filled(*place.line);
  }
  unplaced_.push_back(std::move(rejected.records));
  next_turn_ = {};
}

// Of the record that was tried least: others were rejected with it that have come back.
uint32_t TopicQueue::Attempts(const Batch& records) const {
  if (attempts_.empty()) return 1;
  uint32_t least = std::numeric_limits<uint32_t>::max();
  for (const uint64_t token : records.tokens) {
    const auto tried = attempts_.find(token);
    least = std::min(least, tried == attempts_.end() ? 1 : tried->second);
  }
  return least;
}

void TopicQueue::TellUndeliverable(const Batch& records, std::string_view code,
                                   std::span<const std::string> reasons) {
  const uint32_t attempts = Attempts(records);
  if (!attempts_.empty()) {
    for (const uint64_t token : records.tokens) attempts_.erase(token);
  }
  listener_.OnUndeliverable(name_, records, code, reasons, attempts);
}

}  // namespace ei::kafka::native
