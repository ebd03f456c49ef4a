// Partition: what is done once all that was out is answered.

#include "adapters/kafka/native/partition.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ei::kafka::native {

// Of a batch with few records.
void Partition::RejectOldest(std::string_view code, std::string_view reason) {
  rejection_ = {.code = code};
  for (uint32_t index = 0; index < queue_.front()->records.Count(); ++index) {
    rejection_.records.push_back(index);
    rejection_.reasons.emplace_back(reason.substr(0, kReasonBytesMax));
  }
  state_ = State::kDraining;
  not_before_ = base::SteadyTime::min();
  MendBy(Repair::kReject);
}

// What is due because the topic is another one is done first. The rest shows again.
void Partition::MendBy(Repair repair) {
  if (repair_ != Repair::kNewEpoch) repair_ = repair;
}

std::deque<std::unique_ptr<Batch>> Partition::GiveBack() {
  const bool numbered = !queue_.empty() && queue_.front()->stamp.base_sequence >= 0;
  if (AnyInDoubt() || numbered) BeginEpoch(producer_.epoch);
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

void Partition::WhenDrained(base::SteadyTime now) {
  if (state_ != State::kDraining || out_ > 0) return;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
  switch (std::exchange(repair_, Repair::kNone)) {
    case Repair::kNone: return;
    case Repair::kSplit: return SplitOldest();
    case Repair::kReject: return TakeRejectedOut();
    case Repair::kRestamp:
      for (const auto& batch : queue_) batch->records.SetTimestampMs(now_ms_);
      return;
    case Repair::kAsk:
      state_ = State::kAsking;
      wants_.last_sequence = true;
      return;
    case Repair::kNewEpoch: return BeginEpoch(producer_.epoch);
    case Repair::kNewId:
      state_ = State::kRenewing;
      wants_.producer_id = true;
      return;
  }
}

void Partition::OnLastSequence(const std::optional<wire::ProducerState>& known, base::SteadyTime now) {
  if (state_ != State::kAsking) return;
  wants_.last_sequence = false;
  sequence_failures_ = 0;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
  if (!known || known->producer_epoch != producer_.epoch) return BeginEpoch(producer_.epoch);
  last_sequence_told_ = known->last_sequence;
  if (!queue_.empty() && !StandsInLog(*queue_.front(), last_sequence_told_)) return GoOnBehindTold();
  // Before Kafka 2.8 topics have no ids, and leaders don't tell what they know either.
  if (!queue_.empty() && !queue_.front()->topic_id.Known()) return BeginEpoch(producer_.epoch);
  state_ = State::kConfirming;
  wants_.topic_id = true;
}

void Partition::OnTopicId(const wire::TopicId& id, base::SteadyTime now) {
  if (state_ != State::kConfirming) return;
  wants_.topic_id = false;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
  size_t standing = 0;
  for (const auto& batch : queue_) {
    if (!StandsInLog(*batch, last_sequence_told_)) break;
    if (batch->topic_id != id) return BeginEpoch(producer_.epoch);
    ++standing;
  }
  if (standing == 0) return GoOnBehindTold();
  const Batch& last = *queue_[standing - 1];
  if (wire::SequenceAfter(last.stamp.base_sequence, last.records.Count() - 1) == last_sequence_told_) {
    witness_ = standing - 1;
  } else {
    BeginEpoch(producer_.epoch);
  }
}

void Partition::GoOnBehindTold() {
  if (queue_.empty()) return;
  const int32_t next = queue_.front()->stamp.base_sequence;
  if (next >= 0 && next != wire::SequenceAfter(last_sequence_told_, 1)) BeginEpoch(producer_.epoch);
}

// One that was answered by an error each time was never appended: another batch has its numbers there.
bool Partition::StandsInLog(const Batch& batch, int32_t last_sequence) {
  if (batch.stamp.base_sequence < 0 || !batch.in_doubt) return false;
  return !wire::IsSequenceAbove(wire::SequenceAfter(batch.stamp.base_sequence, batch.records.Count() - 1),
                                last_sequence);
}

// In two batches that have the numbers of the one.
void Partition::SplitOldest() {
  const std::unique_ptr<Batch> whole = std::move(queue_.front());
  queue_.pop_front();
  const uint32_t half = whole->records.Count() / 2;
  auto first = std::make_unique<Batch>(whole->Like());
  auto second = std::make_unique<Batch>(whole->Like());
  VisitRecords(*whole, [&](const wire::RecordView& record, uint64_t token, const app::EventRun& run) {
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
  queue_.push_front(std::move(second));
  queue_.push_front(std::move(first));
}

// What is left of the oldest batch keeps its first number, and all behind it move up. Not where the log may
// have one of the numbers that are given anew, so that whoever comes by it would pass for a repeat of
// another: where a batch is in doubt, or a number above was acknowledged (the topic was made again in
// between, and a broker that isn't told so took that batch for the first).
void Partition::TakeRejectedOut() {
  const std::unique_ptr<Batch> all = std::move(queue_.front());
  queue_.pop_front();
  const int32_t sequence = all->stamp.base_sequence;
  auto kept = std::make_unique<Batch>(all->Like());
  auto rejected = std::make_unique<Batch>(all->Like());
  const Rejection rejection = std::exchange(rejection_, {});
  uint32_t number = 0;
  VisitRecords(*all, [&](const wire::RecordView& record, uint64_t token, const app::EventRun& run) {
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
  const bool acknowledged_above = acknowledged_to_ && wire::IsSequenceAbove(*acknowledged_to_, sequence);
  if (acknowledged_above || all->in_doubt || AnyInDoubt()) {
    BeginEpoch(producer_.epoch);
  } else {
    NumberAnew(sequence);
  }
  failures_ = 0;
  // An earlier answer may have been lost, and the topic's rules have changed since.
  if (all->in_doubt) listener_.OnPossibleRepeats(*this, rejected->records.Count());
  listener_.OnRejected(*this, std::move(rejected), rejection.code, rejection.reasons);
}

bool Partition::AnyInDoubt() const {
  return std::ranges::any_of(queue_, [](const auto& batch) { return batch->in_doubt; });
}

// All that have no number of the present epoch, or whose numbers are to change, get theirs when they are sent
// next.
void Partition::NumberAnew(int32_t sequence) {
  uint32_t in_doubt = 0;
  for (const auto& batch : queue_) {
    if (batch->in_doubt) in_doubt += batch->records.Count();
    batch->stamp.base_sequence = -1;
    batch->in_doubt = false;
  }
  next_sequence_ = sequence;
  witness_.reset();
  if (sequence == 0) {
    proven_ = false;
    acknowledged_to_.reset();
  }
  if (in_doubt > 0) listener_.OnPossibleRepeats(*this, in_doubt);
}

void Partition::BeginEpoch(int16_t epoch) {
  if (epoch == std::numeric_limits<int16_t>::max()) {
    state_ = State::kRenewing;
    wants_.producer_id = true;
    return;
  }
  producer_.epoch = static_cast<int16_t>(epoch + 1);
  NumberAnew(0);
}

}  // namespace ei::kafka::native
