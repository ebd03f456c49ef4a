#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "adapters/kafka/native/batch.h"
#include "adapters/kafka/native/batch_queue.h"
#include "adapters/kafka/native/partition_listener.h"
#include "adapters/kafka/native/produce_error.h"
#include "adapters/kafka/wire/messages.h"
#include "base/time.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

// The producer id and epoch (KIP-98). Shared by all partitions of a producer.
struct ProducerId {
  int64_t id = -1;  // -1: none yet
  int16_t epoch = 0;
};

// The batches of one partition on their way to its leader: order, sequence numbers, retries, and the removal
// of records that the broker rejects. Follows the rules of an idempotent producer (KIP-98, KIP-360, KIP-467),
// and what brokers were seen to do beyond them.
//
//  - Batches are sent in their order. A batch gets its sequence numbers when it is first sent. It is
//    sent again with the same numbers and the same records, so that the broker recognizes it.
//  - At most one batch is unanswered until one has been acknowledged with the current producer id, epoch and
//    topic id, by the current leader, and since the last connection broke. The reason: a broker that doesn't
//    know the producer accepts any first sequence number, even that of a later batch. After that, at most
//    kOutMax batches are unanswered.
//  - After a failure nothing is sent until all outstanding batches are answered; then all are sent again from
//    the oldest on. Only the failure of the oldest batch is evaluated: later ones fail because it did.
//  - Records in a leader's log may not be replicated yet, so this is not success. The last batch that the
//    leader has is sent again: the answer to the repeat waits for the replicas, and then holds for all
//    batches before it.
//  - A change of sequence numbers (a rejected record is removed, a new epoch) also waits until all is
//    answered. Numbers are never reused for other records: numbering restarts in a new epoch.
//  - Batches that a previous run of the process sent are resent first, with their numbers (Resume). New
//    batches use another producer id, because the previous run may have sent more batches than it noted.
//
// A pure state machine: time and randomness are parameters. One thread.
class Partition {
 public:
  // Brokers remember the last five batches of a producer (KIP-98).
  static constexpr size_t kOutMax = 5;
  // After this many sequence number failures of the oldest batch in a row with the same leader, the leader is
  // asked for the last sequence number that it has.
  static constexpr uint32_t kSequenceFailuresMax = 3;
  // A batch that is older than this when it is sent gets a new timestamp. Brokers expire producer state, and
  // apply retention, by the timestamps of records (findings/kafka_dedup_ages_by_record_time.sh). The shortest
  // usual time for either is a day.
  static constexpr std::chrono::milliseconds kTimestampLifetime = std::chrono::hours(1);

  struct Options {
    RetryPolicy retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 0};
    // After this time without an acknowledgement only one batch is sent until it is acknowledged: the broker
    // may have forgotten the producer (producer.id.expiration.ms, a day by default).
    base::Duration proof_lifetime = std::chrono::minutes(10);
  };

  enum class State : uint8_t {
    kReady,               // batches may be sent
    kDraining,            // after a failure: waits for the answers to all outstanding batches
    kBackingOff,          // until NotBefore()
    kAwaitingSequence,    // waits for OnLastSequence
    kAwaitingTopicId,     // waits for OnTopicId
    kAwaitingProducerId,  // waits for OnProducerId
  };

  // Requests that the owner must make for the partition to continue. Each is cleared by the function named
  // here.
  struct Wants {
    bool metadata = false;        // OnLeader
    bool last_sequence = false;   // OnLastSequence
    bool topic_id = false;        // OnTopicId
    bool producer_id = false;     // OnProducerId, with another id than the present one
    bool new_connection = false;  // to the leader, which could not read a batch; ClearNewConnection
  };

  Partition(std::string topic, int32_t index, const Options& options, PartitionListener& listener)
      : topic_(std::move(topic)), index_(index), options_(options), listener_(listener) {}

  const std::string& Topic() const { return topic_; }
  int32_t Index() const { return index_; }

  // Its batches, for adding records.
  BatchQueue& Queue() { return queue_; }
  const BatchQueue& Queue() const { return queue_; }
  // Removes all batches, for the caller to place again. None may be outstanding.
  Batches GiveBack();

  // Adds a batch that a previous run of the process sent. Must be called before anything else, in the order
  // of sequence numbers, with batches of one epoch (see ResumableOf). The batch has its tokens; the owner
  // appends the records in their order and calls NoteResumed for each. Nothing is sent until all records are
  // there, or GiveUpResuming says that no more will come.
  Batch& Resume(const wire::ProducerStamp& stamp, const wire::TopicId& topic_id,
                std::span<const uint64_t> tokens, base::SteadyTime now, int64_t now_ms);
  void NoteResumed() { --awaited_; }
  void GiveUpResuming();

  // --- answers of the cluster

  // The first producer id, or a new one.
  void OnProducerId(const ProducerId& id);
  // The current leader; node -1: none. `id`: the topic's id, if the broker reports it.
  void OnLeader(int32_t node, int32_t epoch, const wire::TopicId& id, base::SteadyTime now);
  const wire::TopicId& Id() const { return topic_id_; }
  const ProducerId& Producer() const { return producer_; }
  int32_t Leader() const { return leader_; }

  // Whether NextBatch would return a batch.
  bool CanSend(base::SteadyTime now) const;
  // Number of outstanding batches.
  size_t Out() const { return out_; }
  // Size of the batch that NextBatch returns next, in bytes; 0: none is left.
  size_t NextBytes() const { return out_ < queue_.Size() ? queue_[out_].records.Bytes() : 0; }
  // Returns the next batch to send to the leader, and counts it as outstanding; null: none. `now_ms`, the
  // time since 1970, becomes its timestamp if its own is older than kTimestampLifetime.
  Batch* NextBatch(base::SteadyTime now, int64_t now_ms);

  // The answer to an outstanding batch. `version` is that of the request.
  void OnAnswer(Batch& batch, const wire::PartitionProduced& answer, int16_t version, base::SteadyTime now,
                int64_t now_ms, uint64_t random);
  // The connection ended or timed out without an answer to the batch.
  void OnNoAnswer(Batch& batch, base::SteadyTime now, uint64_t random);
  // What the leader knows about this producer; nullopt: nothing, or it doesn't report it.
  void OnLastSequence(const std::optional<wire::ProducerState>& known, base::SteadyTime now);
  // The topic's id, from a request that was sent after OnLastSequence: if the topic was recreated, what the
  // leader reported proves nothing about our batches.
  void OnTopicId(const wire::TopicId& id, base::SteadyTime now);

  State Now() const { return state_; }
  // When the partition may send again; valid only in state kBackingOff.
  base::SteadyTime NotBefore() const { return not_before_; }
  const Wants& Wanted() const { return wants_; }
  void ClearNewConnection() { wants_.new_connection = false; }

 private:
  // What to do once all outstanding batches are answered.
  enum class Repair : uint8_t {
    kNone,             // send again
    kSplit,            // split the oldest batch: it is too large, or one unknown record is at fault
    kReject,           // remove the records of `rejection_` from the oldest batch
    kRestamp,          // set a new timestamp
    kRequestSequence,  // find out whether the oldest batch is in the log
    kNewEpoch,         // restart numbering from 0 in a new epoch
    kNewId,            // restart numbering with another producer id
  };

  void Fail(std::string_view code, std::string_view reason, base::SteadyTime now, uint64_t random);
  void HandleError(const Batch& batch, const wire::PartitionProduced& answer, int16_t version,
                   base::SteadyTime now, uint64_t random);
  void ScheduleRepair(Repair repair);
  void RepairAtOnce(Repair repair, base::SteadyTime now);
  void RepairWhenDrained(base::SteadyTime now);
  void ContinueAfterReported();
  static bool IsInLog(const Batch& batch, int32_t last_sequence);
  void SplitOldest();
  void RemoveRejected();
  bool AnyInDoubt() const;
  void ResetNumbers();
  void BeginEpoch();
  void EndResuming();
  void OnLeaderChanged(base::SteadyTime now);
  void Deliver(size_t place, int64_t base_offset, bool repeat, base::SteadyTime now);
  void OnWitnessAnswer(const wire::PartitionProduced& answer, base::SteadyTime now, uint64_t random);

  const std::string topic_;
  const int32_t index_;
  const Options options_;
  PartitionListener& listener_;

  BatchQueue queue_;  // numbered batches before unnumbered ones
  size_t out_ = 0;    // batches in requests that aren't answered
  State state_ = State::kReady;
  Repair repair_ = Repair::kNone;
  Rejection rejection_;
  base::SteadyTime not_before_;
  Wants wants_;
  uint32_t failures_ = 0;             // since the last acknowledgement
  uint32_t sequence_failures_ = 0;    // of the oldest batch with this leader
  bool reconnect_requested_ = false;  // because the leader could not read the oldest batch

  int32_t leader_ = -1;
  int32_t leader_epoch_ = -1;
  wire::TopicId topic_id_;
  ProducerId producer_;
  int32_t next_sequence_ = 0;
  bool resuming_ = false;    // `producer_` is a previous run's
  ProducerId own_producer_;  // used after resuming
  size_t awaited_ = 0;       // records of resumed batches that are still missing
  bool proven_ = false;      // see the class comment: more than one batch may be outstanding
  base::SteadyTime acknowledged_at_;
  int64_t now_ms_ = 0;                   // time of the last answer
  int32_t reported_last_sequence_ = -1;  // valid once OnTopicId confirms the topic
  // Index of the last batch that the leader has. Only this batch is sent until it is answered.
  std::optional<size_t> witness_;
};

}  // namespace ei::kafka::native
