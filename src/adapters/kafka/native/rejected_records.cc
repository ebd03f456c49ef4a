#include "adapters/kafka/native/rejected_records.h"

#include <limits>

namespace ei::kafka::native {

void RejectedRecords::OnDelivered(const Batch& batch) {
  // A batch that was in doubt may have been accepted long ago.
  if (!batch.in_doubt) accepted_at_ = std::max(accepted_at_, batch.sent_at);
  if (attempts_.empty()) return;
  for (const uint64_t token : batch.tokens) attempts_.erase(token);
}

bool RejectedRecords::Add(std::unique_ptr<Batch> records, std::string_view code,
                          std::span<const std::string> reasons, const Place& place, base::SteadyTime now) {
  // Reasons that are equal for all records are stored once.
  if (std::ranges::all_of(reasons, [&](const auto& each) { return each == reasons.front(); })) {
    reasons = reasons.first(1);
  }
  if (records->dead_letters || code == "message_too_large" || LacksKeys(*records)) {
    GiveUp(*records, code, reasons);
    return false;
  }
  const uint32_t attempts = Attempts(*records);
  const base::Duration pause = policy_.Delay(attempts, random_());
  rejected_.push_back({.records = std::move(records),
                       .code = code,
                       .reasons = {reasons.begin(), reasons.end()},
                       .attempts = attempts,
                       .place = place,
                       .since = now,
                       .retry_at = now + pause});
  return true;
}

void RejectedRecords::SetCompacted(bool compacted) {
  compacted_ = compacted;
  bool any = false;
  for (Rejected& one : std::exchange(rejected_, {})) {
    if (LacksKeys(*one.records)) {
      GiveUp(*one.records, one.code, one.reasons);
      any = true;
    } else {
      rejected_.push_back(std::move(one));
    }
  }
  if (any && rejected_.empty()) suspected_since_.reset();
}

bool RejectedRecords::LacksKeys(const Batch& records) const {
  if (!compacted_) return false;
  bool any_key = false;
  records.records.Visit([&](uint32_t, const wire::RecordView& record) { any_key = any_key || record.key; });
  return !any_key;
}

std::vector<RejectedRecords::Retry> RejectedRecords::Turn(base::SteadyTime now) {
  next_turn_ = base::SteadyTime::max();
  std::vector<Retry> due;
  const auto answered = [this] { return !rejected_.empty() && rejected_.front().since < accepted_at_; };
  if (suspected_since_ && *suspected_since_ < accepted_at_) {
    suspected_since_.reset();
    while (answered()) due.push_back(RetryOf(TakeOldest()));
  }
  while (!suspected_since_ && answered()) {
    Rejected one = TakeOldest();
    if (policy_.MayRetry(one.attempts)) {
      const base::SteadyTime retry_at = one.retry_at;
      retries_.emplace(retry_at, std::move(one));
    } else {
      GiveUp(*one.records, one.code, one.reasons);
    }
  }
  while (!retries_.empty() && retries_.begin()->first <= now) {
    due.push_back(RetryOf(std::move(retries_.extract(retries_.begin()).mapped())));
  }
  if (!retries_.empty()) Wake(retries_.begin()->first);
  if (!rejected_.empty()) {
    if (auto probe = Probe(now)) due.push_back(std::move(*probe));
  }
  return due;
}

// The topic has accepted nothing that was sent after the oldest rejected record.
std::optional<RejectedRecords::Retry> RejectedRecords::Probe(base::SteadyTime now) {
  if (!suspected_since_) {
    const base::SteadyTime suspect_at = rejected_.front().since + kSuspectAfter;
    if (now < suspect_at) {
      Wake(suspect_at);
      return std::nullopt;
    }
    suspected_since_ = now;
    probes_ = 0;
    probe_at_ = now;
    listener_.OnTopicFault("all_refused", topic_, rejected_.front().reasons.front());
  }
  std::optional<Retry> probe;
  if (now >= probe_at_) {
    probe = RetryOf(TakeOldest());
    probe_at_ = now + policy_.Delay(++probes_, random_());
  }
  Wake(probe_at_);
  return probe;
}

RejectedRecords::Rejected RejectedRecords::TakeOldest() {
  Rejected oldest = std::move(rejected_.front());
  rejected_.pop_front();
  return oldest;
}

RejectedRecords::Retry RejectedRecords::RetryOf(Rejected rejected) {
  // A rejection while the topic accepts nothing says nothing about the records, so the try doesn't count.
  const uint32_t counted = rejected.since < accepted_at_ ? 1 : 0;
  for (const uint64_t token : rejected.records->tokens) attempts_[token] = rejected.attempts + counted;
  rejected.records->sealed = true;
  return {std::move(rejected.records), rejected.place};
}

// Returns the smallest number of tries of the records: a batch may have both retried and new records.
uint32_t RejectedRecords::Attempts(const Batch& records) const {
  if (attempts_.empty()) return 1;
  uint32_t least = std::numeric_limits<uint32_t>::max();
  for (const uint64_t token : records.tokens) {
    const auto tried = attempts_.find(token);
    least = std::min(least, tried == attempts_.end() ? 1 : tried->second);
  }
  return least;
}

void RejectedRecords::GiveUp(const Batch& records, std::string_view code,
                             std::span<const std::string> reasons) {
  const uint32_t attempts = Attempts(records);
  if (!attempts_.empty()) {
    for (const uint64_t token : records.tokens) attempts_.erase(token);
  }
  listener_.OnUndeliverable(topic_, records, code, reasons, attempts);
}

}  // namespace ei::kafka::native
