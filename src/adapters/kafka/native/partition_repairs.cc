// The part of Partition that runs once all outstanding batches are answered.

#include "adapters/kafka/native/partition.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ei::kafka::native {

// The repair for a recreated topic goes first. Other errors occur again if they are still true.
void Partition::ScheduleRepair(Repair repair) {
  if (repair_ != Repair::kNewEpoch) repair_ = repair;
}

// Without a pause, as it isn't the broker that needs time.
void Partition::RepairAtOnce(Repair repair, base::SteadyTime now) {
  state_ = State::kDraining;
  not_before_ = now;
  ScheduleRepair(repair);
}

Batches Partition::GiveBack() {
  GiveUpResuming();
  const bool numbered = !queue_.Empty() && queue_[0].stamp.base_sequence >= 0;
  if (AnyInDoubt() || numbered) BeginEpoch();
  return queue_.TakeAll();
}

void Partition::RepairWhenDrained(base::SteadyTime now) {
  if (state_ != State::kDraining || out_ > 0) return;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
  switch (std::exchange(repair_, Repair::kNone)) {
    case Repair::kNone: return;
    case Repair::kSplit: return SplitOldest();
    case Repair::kReject: return RemoveRejected();
    case Repair::kRestamp:
      for (const auto& batch : queue_.All()) batch->records.SetTimestampMs(now_ms_);
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
  if (!queue_.Empty() && !IsInLog(queue_[0], reported_last_sequence_)) return ContinueAfterReported();
  // Before Kafka 2.8 topics have no ids, and leaders don't report last sequence numbers either.
  if (!queue_.Empty() && !queue_[0].topic_id.Known()) return BeginEpoch();
  state_ = State::kAwaitingTopicId;
  wants_.topic_id = true;
}

void Partition::OnTopicId(const wire::TopicId& id, base::SteadyTime now) {
  if (state_ != State::kAwaitingTopicId) return;
  wants_.topic_id = false;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
  size_t in_log = 0;
  for (const auto& batch : queue_.All()) {
    if (!IsInLog(*batch, reported_last_sequence_)) break;
    if (batch->topic_id != id) return BeginEpoch();
    ++in_log;
  }
  if (in_log == 0) return ContinueAfterReported();
  const Batch& last = queue_[in_log - 1];
  if (wire::SequenceAfter(last.stamp.base_sequence, last.records.Count() - 1) == reported_last_sequence_) {
    witness_ = in_log - 1;
  } else {
    BeginEpoch();
  }
}

void Partition::ContinueAfterReported() {
  if (queue_.Empty()) return;
  const int32_t next = queue_[0].stamp.base_sequence;
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
  const std::unique_ptr<Batch> whole = queue_.Take(0);
  const uint32_t half = whole->records.Count() / 2;
  auto [first, second] = Separate(*whole, [half](uint32_t number) { return number < half; });
  first->sealed = second->sealed = true;
  first->stamp = second->stamp = whole->stamp;
  first->topic_id = second->topic_id = whole->topic_id;
  second->stamp.base_sequence = wire::SequenceAfter(whole->stamp.base_sequence, half);
  first->in_doubt = second->in_doubt = whole->in_doubt;
  for (BatchQueue* const held : whole->holds_back) {
    held->HoldBack(*first);
    held->HoldBack(*second);
  }
  BatchQueue::Release(*whole);
  if (first->stamp.base_sequence >= 0) {
    listener_.OnNumbered(*this, *first);
    listener_.OnNumbered(*this, *second);
  }
  queue_.Prepend(std::move(second));
  queue_.Prepend(std::move(first));
}

void Partition::RemoveRejected() {
  const std::unique_ptr<Batch> all = queue_.Take(0);
  listener_.OnNumbersVoid(*this, *all);
  const Rejection rejection = std::exchange(rejection_, {});
  auto [rejected, kept] =
      Separate(*all, [&](uint32_t number) { return std::ranges::binary_search(rejection.records, number); });
  kept->sealed = true;
  kept->in_doubt = all->in_doubt;
  kept->holds_back = std::exchange(all->holds_back, {});
  if (kept->records.Count() > 0) {
    queue_.Prepend(std::move(kept));
  } else {
    BatchQueue::Release(*kept);
  }
  BeginEpoch();
  failures_ = 0;
  // The batch may have been appended with a lost answer, and the topic's rules may have changed since.
  if (all->in_doubt) listener_.OnPossibleRepeats(rejected->records.Count());
  listener_.OnRejected(*this, std::move(rejected), rejection.code, rejection.reasons);
}

bool Partition::AnyInDoubt() const {
  return std::ranges::any_of(queue_.All(), [](const auto& batch) { return batch->in_doubt; });
}

// All batches get new numbers when they are next sent.
void Partition::ResetNumbers() {
  uint32_t in_doubt = 0;
  for (const auto& batch : queue_.All()) {
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
  Batch& batch = queue_.Append(std::make_unique<Batch>(now_ms, /*dead letters=*/false));
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
  for (const auto& batch : queue_.All()) batch->tokens.resize(batch->records.Count());
  queue_.DropEmpty();
  awaited_ = 0;
}

// Continues with our own id, or waits for it.
void Partition::EndResuming() {
  resuming_ = false;
  producer_ = own_producer_;
  ResetNumbers();
}

}  // namespace ei::kafka::native
