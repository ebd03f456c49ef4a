// The part of TopicQueue that finds out whether a rejected record or its topic is at fault.

#include "adapters/kafka/native/topic_queue.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ei::kafka::native {

void TopicQueue::OnDelivered(const Partition& partition, const Batch& batch, base::SteadyTime now) {
  // A batch that was in doubt may have been accepted long ago.
  if (!batch.in_doubt) accepted_at_ = std::max(accepted_at_, batch.sent_at);
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
  // Reasons that are equal for all records are stored once.
  if (std::ranges::all_of(reasons, [&](const auto& each) { return each == reasons.front(); })) {
    reasons = reasons.first(1);
  }
  if (rejected->dead_letters || code == "message_too_large" || LacksKeys(*rejected)) {
    return ReportUndeliverable(*rejected, code, reasons);
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
                       .retry_at = now + pause});
  next_turn_ = {};
}

void TopicQueue::UseRules(const Rules& rules) {
  rules_ = rules;
  bool any = false;
  for (Rejected& one : std::exchange(rejected_, {})) {
    if (LacksKeys(*one.records)) {
      ReportUndeliverable(*one.records, one.code, one.reasons);
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

void TopicQueue::ProcessRejected(base::SteadyTime now) {
  if (suspected_since_ && *suspected_since_ < accepted_at_) {
    suspected_since_.reset();
    while (!rejected_.empty() && rejected_.front().since < accepted_at_) Retry(TakeOldestRejected(), now);
  }
  while (!suspected_since_ && !rejected_.empty() && rejected_.front().since < accepted_at_) {
    Rejected one = TakeOldestRejected();
    if (options_.rejected_retries.MayRetry(one.attempts)) {
      const base::SteadyTime retry_at = one.retry_at;
      retries_.emplace(retry_at, std::move(one));
    } else {
      ReportUndeliverable(*one.records, one.code, one.reasons);
    }
  }
  while (!retries_.empty() && retries_.begin()->first <= now) {
    Retry(std::move(retries_.extract(retries_.begin()).mapped()), now);
  }
  if (!retries_.empty()) Wake(retries_.begin()->first);
  if (!rejected_.empty()) Suspect(now);
}

// The topic has accepted nothing that was sent after the oldest rejected record.
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
    Retry(TakeOldestRejected(), now);
    probe_at_ = now + options_.rejected_retries.Delay(++probes_, random_());
  }
  Wake(probe_at_);
}

void TopicQueue::Retry(Rejected rejected, base::SteadyTime now) {
  // A rejection while the topic accepts nothing says nothing about the records, so the try doesn't count.
  const uint32_t counted = rejected.since < accepted_at_ ? 1 : 0;
  for (const uint64_t token : rejected.records->tokens) attempts_[token] = rejected.attempts + counted;
  rejected.records->sealed = true;
  if (rejected.partitions == partitions_ && unplaced_.empty()) {
    Place& place = places_[static_cast<size_t>(rejected.partition)];
    NoteFilled(place, now);
    place.line->partition.Queue().Append(std::move(rejected.records));
    return producer_.Filled(*place.line);
  }
  unplaced_.push_back(std::move(rejected.records));
  next_turn_ = {};
}

// Returns the smallest number of tries of the records: a batch may have both retried and new records.
uint32_t TopicQueue::Attempts(const Batch& records) const {
  if (attempts_.empty()) return 1;
  uint32_t least = std::numeric_limits<uint32_t>::max();
  for (const uint64_t token : records.tokens) {
    const auto tried = attempts_.find(token);
    least = std::min(least, tried == attempts_.end() ? 1 : tried->second);
  }
  return least;
}

void TopicQueue::ReportUndeliverable(const Batch& records, std::string_view code,
                                     std::span<const std::string> reasons) {
  const uint32_t attempts = Attempts(records);
  if (!attempts_.empty()) {
    for (const uint64_t token : records.tokens) attempts_.erase(token);
  }
  listener_.OnUndeliverable(name_, records, code, reasons, attempts);
}

}  // namespace ei::kafka::native
