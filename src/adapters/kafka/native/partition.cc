#include "adapters/kafka/native/partition.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <utility>

namespace ei::kafka::native {

using wire::ErrorCode;

void Partition::OnProducerId(const ProducerId& id) {
  if (resuming_) {
    own_producer_ = id;
    return;
  }
  // Another partition needed a new id. This one keeps the old id, which the broker still knows.
  if (state_ != State::kAwaitingProducerId && producer_.id >= 0) return;
  // Sequence numbers of an id are never reused.
  if (id.id == producer_.id) return;
  producer_ = id;
  wants_.producer_id = false;
  ResetNumbers();
  if (state_ != State::kAwaitingProducerId) return;
  state_ = State::kReady;
  repair_ = Repair::kNone;
}

void Partition::OnLeader(int32_t node, int32_t epoch, const wire::TopicId& id, base::SteadyTime now) {
  wants_.metadata = false;
  const bool another = topic_id_.Known() && id.Known() && id != topic_id_;
  if (id.Known()) topic_id_ = id;
  if (node != leader_ || epoch != leader_epoch_) {
    OnLeaderChanged(now);
  }
  leader_ = node;
  leader_epoch_ = epoch;
  if (!another) return;
  // The topic was recreated: unacknowledged batches go to the new topic, numbered from 0 in a new epoch.
  repair_ = Repair::kNewEpoch;
  witness_.reset();
  not_before_ = now;
  wants_.last_sequence = wants_.topic_id = false;
  if (state_ != State::kAwaitingProducerId) state_ = State::kDraining;
  RepairWhenDrained(now);
}

// The new leader may not have what the previous leader had in its log.
void Partition::OnLeaderChanged(base::SteadyTime now) {
  sequence_failures_ = 0;
  proven_ = false;
  witness_.reset();
  if (state_ != State::kAwaitingTopicId && state_ != State::kAwaitingSequence) return;
  wants_.last_sequence = wants_.topic_id = false;
  state_ = not_before_ > now ? State::kBackingOff : State::kReady;
}

bool Partition::CanSend(base::SteadyTime now) const {
  if (leader_ < 0 || producer_.id < 0) return false;
  if (state_ != State::kReady && !(state_ == State::kBackingOff && now >= not_before_)) return false;
  if (awaited_ > 0) return false;
  if (witness_) return out_ == 0;
  const bool proven = proven_ && now - acknowledged_at_ < options_.proof_lifetime;
  // All outstanding batches are at the front, because failed batches wait until none is outstanding.
  if (out_ >= queue_.Size() || out_ >= (proven ? kOutMax : 1)) return false;
  if (resuming_ && queue_[out_].stamp.base_sequence < 0) return false;
  return !queue_.IsHeldBack() || queue_[out_].sealed;
}

Batch* Partition::NextBatch(base::SteadyTime now, int64_t now_ms) {
  if (!CanSend(now)) return nullptr;
  state_ = State::kReady;
  Batch& batch = queue_[witness_.value_or(out_)];
  assert(!batch.out);
  if (batch.stamp.base_sequence < 0) {
    batch.stamp = {producer_.id, producer_.epoch, next_sequence_};
    batch.topic_id = topic_id_;
    next_sequence_ = wire::SequenceAfter(next_sequence_, batch.records.Count());
    listener_.OnNumbered(*this, batch);
  }
  if (now_ms - batch.records.TimestampMs() > kTimestampLifetime.count()) batch.records.SetTimestampMs(now_ms);
  if (std::exchange(batch.sealed, true)) listener_.OnRetried(batch.records.Count());
  batch.sent_at = now;
  batch.out = true;
  ++out_;
  return &batch;
}

void Partition::OnAnswer(Batch& batch, const wire::PartitionProduced& answer, int16_t version,
                         base::SteadyTime now, int64_t now_ms, uint64_t random) {
  assert(batch.out);
  batch.out = false;
  --out_;
  now_ms_ = now_ms;
  const auto found = std::ranges::find(queue_.All(), &batch, &std::unique_ptr<Batch>::get);
  assert(found != queue_.All().end());
  const auto place = static_cast<size_t>(found - queue_.All().begin());
  if (answer.leader && answer.leader->node >= 0 && answer.leader->epoch > leader_epoch_) {
    leader_ = answer.leader->node;
    leader_epoch_ = answer.leader->epoch;
    OnLeaderChanged(now);
  }
  if (witness_ == place) {
    OnWitnessAnswer(answer, now, random);
  } else if (answer.error == ErrorCode::kNone) {
    // A batch that was in doubt is a repeat if the answer has a log append time, unless the topic always uses
    // log append times; then the count of repeats is too high.
    Deliver(place, answer.base_offset, batch.in_doubt && answer.log_append_time_ms >= 0, now);
  } else {
    // An offset in the answer means that the batch was appended but not replicated. With the other errors
    // this is unknown.
    batch.in_doubt = batch.in_doubt || answer.base_offset >= 0 ||
                     answer.error == ErrorCode::kNotEnoughReplicasAfterAppend ||
                     answer.error == ErrorCode::kKafkaStorageError ||
                     answer.error == ErrorCode::kUnknownServerError;
    if (place == 0) {
      HandleError(batch, answer, version, now, random);
    } else if (state_ == State::kReady) {
      state_ = State::kDraining;  // the oldest one's answer says why
    }
  }
  RepairWhenDrained(now);
}

void Partition::OnNoAnswer(Batch& batch, base::SteadyTime now, uint64_t random) {
  assert(batch.out);
  batch.out = false;
  batch.in_doubt = true;
  proven_ = false;
  --out_;
  if (&queue_[0] == &batch || (witness_ && &queue_[*witness_] == &batch)) {
    wants_.metadata = true;
    Fail("kafka_unavailable", "the connection ended without an answer", now, random);
  } else if (state_ == State::kReady) {
    state_ = State::kDraining;
  }
  RepairWhenDrained(now);
}

void Partition::Deliver(size_t place, int64_t base_offset, bool repeat, base::SteadyTime now) {
  const std::unique_ptr<Batch> batch = queue_.Take(place);
  BatchQueue::Release(*batch);
  proven_ = true;
  acknowledged_at_ = now;
  const bool any_numbered = !queue_.Empty() && queue_[0].stamp.base_sequence >= 0;
  if (resuming_ && !any_numbered) EndResuming();
  if (place == 0) {
    failures_ = 0;
    sequence_failures_ = 0;
    reconnect_requested_ = false;
  }
  listener_.OnDelivered(*this, *batch, base_offset, repeat);
}

// The batches before it are also in the log, and replicated if it is. This holds only if the leader
// recognizes the repeat, which the log append time shows.
void Partition::OnWitnessAnswer(const wire::PartitionProduced& answer, base::SteadyTime now,
                                uint64_t random) {
  if (answer.error == ErrorCode::kNone || answer.error == ErrorCode::kDuplicateSequenceNumber) {
    size_t before = std::exchange(witness_, std::nullopt).value_or(0);
    const bool known = answer.error != ErrorCode::kNone || answer.log_append_time_ms >= 0;
    if (!known) {
      Deliver(before, answer.base_offset, false, now);
      if (before == 0) return;
      Fail("out_of_order_sequence", "the leader no longer knows the last batch", now, random);
      return ScheduleRepair(Repair::kNewEpoch);
    }
    for (; before > 0; --before) Deliver(0, -1, true, now);
    return Deliver(0, answer.base_offset, true, now);
  }
  const ProduceError error = TemporaryErrorOf(answer.error);
  switch (answer.error) {
    case ErrorCode::kNotLeaderOrFollower:
    case ErrorCode::kLeaderNotAvailable:
    case ErrorCode::kKafkaStorageError:
    case ErrorCode::kNotEnoughReplicas:
    case ErrorCode::kNotEnoughReplicasAfterAppend:
    case ErrorCode::kRequestTimedOut:
    case ErrorCode::kTopicAuthorizationFailed:
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kUnknownTopicId:
      wants_.metadata = wants_.metadata || error.metadata;
      return Fail(error.code, answer.error_message, now, random);
    default: break;
  }
  // The leader doesn't recognize the batch, so nothing is known about the batches before it.
  witness_.reset();
  Fail("out_of_order_sequence", answer.error_message, now, random);
  ScheduleRepair(Repair::kNewEpoch);
}

void Partition::Fail(std::string_view code, std::string_view reason, base::SteadyTime now, uint64_t random) {
  ++failures_;
  state_ = State::kDraining;
  not_before_ = now + options_.retries.Delay(failures_, random);
  listener_.OnPartitionFault(*this, code, reason.substr(0, ProduceError::kReasonBytesMax));
}

// Handles an error of the oldest batch.
void Partition::HandleError(const Batch& batch, const wire::PartitionProduced& answer, int16_t version,
                            base::SteadyTime now, uint64_t random) {
  using Kind = ProduceError::Kind;
  ProduceError error = ErrorOf(batch, answer, version);
  std::string_view reason = answer.error_message;
  switch (error.kind) {
    case Kind::kTemporary: break;
    case Kind::kStored: return Deliver(0, answer.base_offset, true, now);
    case Kind::kRejected: rejection_ = std::move(error.rejection); return RepairAtOnce(Repair::kReject, now);
    case Kind::kSplit: return RepairAtOnce(Repair::kSplit, now);
    case Kind::kTimestamp: ScheduleRepair(Repair::kRestamp); break;
    case Kind::kFenced: ScheduleRepair(Repair::kNewId); break;
    case Kind::kUnreadable: wants_.new_connection = !std::exchange(reconnect_requested_, true); break;
    case Kind::kSequence:
      if (++sequence_failures_ >= kSequenceFailuresMax) ScheduleRepair(Repair::kRequestSequence);
      reason = {};
      break;
  }
  wants_.metadata = wants_.metadata || error.metadata;
  // Brokers rarely explain an error.
  const std::string number =
      "the broker answered with error " + std::to_string(static_cast<int>(answer.error));
  Fail(error.code, reason.empty() ? number : reason, now, random);
}

}  // namespace ei::kafka::native
