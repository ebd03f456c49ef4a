// The part of Partition that runs once all outstanding batches are answered.

#include "adapters/kafka/native/partition.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ei::kafka::native {

// Rejects all records of the oldest batch, which has few.
void Partition::RejectOldest(std::string_view code, std::string_view reason) {
  rejection_ = {.code = code};
  for (uint32_t index = 0; index < queue_.front()->records.Count(); ++index) {
    rejection_.records.push_back(index);
    rejection_.reasons.emplace_back(reason.substr(0, kReasonBytesMax));
  }
  state_ = State::kDraining;
  not_before_ = base::SteadyTime::min();
  ScheduleRepair(Repair::kReject);
}

// The repair for a recreated topic goes first. Other errors occur again if they are still true.
void Partition::ScheduleRepair(Repair repair) {
  if (repair_ != Repair::kNewEpoch) repair_ = repair;
}

std::deque<std::unique_ptr<Batch>> Partition::GiveBack() {
  GiveUpResuming();
  const bool numbered = !queue_.empty() && queue_.front()->stamp.base_sequence >= 0;
  if (AnyInDoubt() || numbered) BeginEpoch();
  return std::exchange(queue_, {});
}

std::deque<std::unique_ptr<Batch>> Partition::GiveBackUnsent() {
  std::deque<std::unique_ptr<Batch>> unsent;
  for (auto& batch : queue_) {
    if (!batch->sealed) unsent.push_back(std::move(batch));
  }
  std::erase(queue_, nullptr);
  return unsent;
}

void Partition::RepairWhenDrained(base::SteadyTime now) {
  if (state_ != State::kDraining || out_ > 0) return;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
  switch (std::exchange(repair_, Repair::kNone)) {
    case Repair::kNone: return;
    case Repair::kSplit: return SplitOldest();
    case Repair::kReject: return RemoveRejected();
    case Repair::kRestamp:
      for (const auto& batch : queue_) batch->records.SetTimestampMs(now_ms_);
      return;
    case Repair::kRequestSequence:
      state_ = State::kAwaitingSequence;
      wants_.last_sequence = true;
      return;
    case Repair::kNewEpoch: return BeginEpoch();
    case Repair::kNewId:
      if (resuming_) return EndResuming();
      state_ = State::kAwaitingProducerId;
      wants_.producer_id = true;
      return;
  }
}

void Partition::OnLastSequence(const std::optional<wire::ProducerState>& known, base::SteadyTime now) {
  if (state_ != State::kAwaitingSequence) return;
  wants_.last_sequence = false;
  sequence_failures_ = 0;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
  if (!known || known->producer_epoch != producer_.epoch) return BeginEpoch();
  reported_last_sequence_ = known->last_sequence;
  if (!queue_.empty() && !IsInLog(*queue_.front(), reported_last_sequence_)) return ContinueAfterReported();
  // Before Kafka 2.8 topics have no ids, and leaders don't report last sequence numbers either.
  if (!queue_.empty() && !queue_.front()->topic_id.Known()) return BeginEpoch();
  state_ = State::kAwaitingTopicId;
  wants_.topic_id = true;
}

void Partition::OnTopicId(const wire::TopicId& id, base::SteadyTime now) {
  if (state_ != State::kAwaitingTopicId) return;
  wants_.topic_id = false;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
  size_t in_log = 0;
  for (const auto& batch : queue_) {
    if (!IsInLog(*batch, reported_last_sequence_)) break;
    if (batch->topic_id != id) return BeginEpoch();
    ++in_log;
  }
  if (in_log == 0) return ContinueAfterReported();
  const Batch& last = *queue_[in_log - 1];
  if (wire::SequenceAfter(last.stamp.base_sequence, last.records.Count() - 1) == reported_last_sequence_) {
    witness_ = in_log - 1;
  } else {
    BeginEpoch();
  }
}

void Partition::ContinueAfterReported() {
  if (queue_.empty()) return;
  const int32_t next = queue_.front()->stamp.base_sequence;
  if (next >= 0 && next != wire::SequenceAfter(reported_last_sequence_, 1)) BeginEpoch();
}

// A batch that got an error each time was never appended: its numbers in the log belong to another batch.
bool Partition::IsInLog(const Batch& batch, int32_t last_sequence) {
  if (batch.stamp.base_sequence < 0 || !batch.in_doubt) return false;
  return !wire::IsSequenceAbove(wire::SequenceAfter(batch.stamp.base_sequence, batch.records.Count() - 1),
                                last_sequence);
}

// Splits the oldest batch into two that share its sequence numbers.
void Partition::SplitOldest() {
  const std::unique_ptr<Batch> whole = std::move(queue_.front());
  queue_.pop_front();
  const uint32_t half = whole->records.Count() / 2;
  auto first = std::make_unique<Batch>(whole->Like());
  auto second = std::make_unique<Batch>(whole->Like());
  VisitRecords(*whole, [&](const wire::RecordView& record, uint64_t token, const EventRun& run) {
    AppendRecord(first->records.Count() < half ? *first : *second, record, token, run);
  });
  first->sealed = second->sealed = true;
  first->stamp = second->stamp = whole->stamp;
  first->topic_id = second->topic_id = whole->topic_id;
  second->stamp.base_sequence = wire::SequenceAfter(whole->stamp.base_sequence, half);
  first->in_doubt = second->in_doubt = whole->in_doubt;
  for (Partition* const held : std::exchange(whole->holds_back, {})) {
    held->HoldBack(*first);
    held->HoldBack(*second);
    --held->held_back_;
  }
  if (first->stamp.base_sequence >= 0) {
    listener_.OnNumbered(*this, *first);
    listener_.OnNumbered(*this, *second);
  }
  queue_.push_front(std::move(second));
  queue_.push_front(std::move(first));
}

void Partition::RemoveRejected() {
  const std::unique_ptr<Batch> all = std::move(queue_.front());
  queue_.pop_front();
  listener_.OnNumbersVoid(*this, *all);
  auto kept = std::make_unique<Batch>(all->Like());
  auto rejected = std::make_unique<Batch>(all->Like());
  const Rejection rejection = std::exchange(rejection_, {});
  uint32_t number = 0;
  VisitRecords(*all, [&](const wire::RecordView& record, uint64_t token, const EventRun& run) {
    const uint32_t taken_out = rejected->records.Count();
    const bool out = taken_out < rejection.records.size() && rejection.records[taken_out] == number;
    AppendRecord(out ? *rejected : *kept, record, token, run);
    ++number;
  });
  kept->sealed = true;
  kept->in_doubt = all->in_doubt;
  kept->holds_back = std::exchange(all->holds_back, {});
  if (kept->records.Count() > 0) {
    queue_.push_front(std::move(kept));
  } else {
    Release(*kept);
  }
  BeginEpoch();
  failures_ = 0;
  // The batch may have been appended with a lost answer, and the topic's rules may have changed since.
  if (all->in_doubt) listener_.OnPossibleRepeats(rejected->records.Count());
  listener_.OnRejected(*this, std::move(rejected), rejection.code, rejection.reasons);
}

bool Partition::AnyInDoubt() const {
  return std::ranges::any_of(queue_, [](const auto& batch) { return batch->in_doubt; });
}

// All batches get new numbers when they are next sent.
void Partition::ResetNumbers() {
  uint32_t in_doubt = 0;
  for (const auto& batch : queue_) {
    if (batch->in_doubt) in_doubt += static_cast<uint32_t>(batch->tokens.size());
    if (batch->stamp.base_sequence >= 0) listener_.OnNumbersVoid(*this, *batch);
    batch->stamp.base_sequence = -1;
    batch->in_doubt = false;
  }
  next_sequence_ = 0;
  proven_ = false;
  witness_.reset();
  if (in_doubt > 0) listener_.OnPossibleRepeats(in_doubt);
}

void Partition::BeginEpoch() {
  if (resuming_) return EndResuming();
  if (producer_.epoch == std::numeric_limits<int16_t>::max()) {
    state_ = State::kAwaitingProducerId;
    wants_.producer_id = true;
    return;
  }
  ++producer_.epoch;
  ResetNumbers();
}

// --- batches of a previous run of the process

Batch& Partition::Resume(const wire::ProducerStamp& stamp, const wire::TopicId& topic_id,
                         std::span<const uint64_t> tokens, base::SteadyTime now, int64_t now_ms) {
  if (!std::exchange(resuming_, true)) {
    own_producer_ = std::exchange(producer_, {stamp.producer_id, stamp.epoch});
  }
  next_sequence_ = wire::SequenceAfter(stamp.base_sequence, static_cast<uint32_t>(tokens.size()));
  topic_id_ = topic_id;
  Batch& batch = *queue_.emplace_back(std::make_unique<Batch>(now_ms, /*dead letters=*/false));
  batch.tokens.assign(tokens.begin(), tokens.end());
  batch.began = now;
  batch.stamp = stamp;
  batch.topic_id = topic_id;
  batch.sealed = batch.in_doubt = true;
  awaited_ += tokens.size();
  return batch;
}

void Partition::GiveUpResuming() {
  if (awaited_ == 0) return;
  if (resuming_) EndResuming();
  for (const auto& batch : queue_) batch->tokens.resize(batch->records.Count());
  std::erase_if(queue_, [](const auto& batch) { return batch->tokens.empty(); });
  awaited_ = 0;
}

// Continues with our own id, or waits for it.
void Partition::EndResuming() {
  resuming_ = false;
  producer_ = own_producer_;
  ResetNumbers();
}

}  // namespace ei::kafka::native
