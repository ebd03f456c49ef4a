#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/kafka/native/batch.h"
#include "adapters/kafka/wire/messages.h"
#include "base/time.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

class Partition;

// What became of the records of a partition, and what stands in their way. Called from within the Partition's
// functions, on the producer's thread.
class PartitionListener {
 public:
  virtual ~PartitionListener() = default;

  // All records of the batch stand in the topic, from `base_offset` on (-1: not known). `repeat`: they had
  // stood there before this request.
  virtual void OnDelivered(Partition& partition, const Batch& batch, int64_t base_offset, bool repeat) = 0;

  // The topic doesn't take these records; they are the listener's from now on. `code` is a constant;
  // `reasons`, by record, are the broker's words or empty.
  virtual void OnRejected(Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                          std::span<const std::string> reasons) = 0;

  // So many records are sent once more.
  virtual void OnRetried(Partition& partition, uint32_t records) = 0;

  // Nothing is delivered for now, for a reason that is no record's own; it is tried again. `code` is a
  // constant.
  virtual void OnFault(Partition& partition, std::string_view code, std::string_view reason) = 0;

  // The batch has got these numbers, before it goes out; what any of its records had before counts no more.
  // Not told of those that are resumed.
  virtual void OnNumbered(Partition& partition, const Batch& batch) = 0;
  // The batch's numbers count no more, though it may have gone out under them.
  virtual void OnNumbersVoid(Partition& partition, const Batch& batch) = 0;

  // So many records are sent again though they may stand in the topic already: the protocol has no way to
  // know.
  virtual void OnPossibleRepeats(Partition& partition, uint32_t records) = 0;
};

// Who writes. Shared by all partitions of a producer.
struct ProducerId {
  int64_t id = -1;  // -1: none yet
  int16_t epoch = 0;
};

// One partition's batches on their way to its leader: order, sequence numbers, repetition, and the sorting
// out of records that the broker rejects. The rules are those of an idempotent producer (KIP-98, KIP-360,
// KIP-467), and of what brokers do beyond them.
//
//  - Batches go out in the order of Add. Each gets its sequence numbers when it is first sent, and is sent
//  again with
//    the same numbers and the same records, so that the broker knows it again.
//  - Until the first one is acknowledged under a producer id, epoch and topic id, by this leader and since
//  the
//    last connection broke, only one is out: a broker that knows nothing of the producer takes any first
//    sequence number, also a later batch's. From then on at most kOutMax are.
//  - After a failure nothing goes out until all that is out is answered; then all goes again, from the oldest
//  on. Only
//    the oldest batch's failure says anything: those behind it fail because it did.
//  - What a leader has in its log may not be replicated yet, and so is no success. The last one that it has
//  is
//    sent again: the answer to that repeat waits for the replicas, and speaks for all before it.
//  - What changes the numbers of batches (a rejected record that is taken out, a new epoch) waits for that,
//  too. Numbers that were given are never given to other records: they go on in a new epoch.
//  - What an earlier life of the process sent goes out first, under its numbers (Resume). What follows has
//  another producer id, as there may have been more that nobody has noted.
//
// A pure state machine: time and randomness are parameters. One thread.
class Partition {
 public:
  // Of a broker's words about a fault.
  static constexpr size_t kReasonBytesMax = 500;
  // Brokers remember the last five batches of a producer (KIP-98).
  static constexpr size_t kOutMax = 5;
  // So many failures of the oldest batch for its sequence number, with the same leader, before its number is
  // doubted.
  static constexpr uint32_t kSequenceFailuresMax = 3;
  // Brokers forget what they know of a producer by the times of its records, not by when they came
  // (findings/kafka_dedup_ages_by_record_time.sh), and keep records by them. The shortest time that is usual
  // for either is a day.
  static constexpr std::chrono::milliseconds kTimeLasts = std::chrono::hours(1);

  struct Options {
    RetryPolicy retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 0};
    // After so long without an acknowledgement the first batch goes alone again: the broker may have
    // forgotten us (producer.id.expiration.ms, a day unless set otherwise).
    base::Duration proof_lasts = std::chrono::minutes(10);
  };

  enum class State : uint8_t {
    kReady,       // what may go out, may
    kDraining,    // after a failure: waits for the answers to what is out
    kBackingOff,  // until NotBefore()
    kAsking,      // waits for OnLastSequence
    kConfirming,  // waits for OnTopicId
    kRenewing,    // waits for OnProducerId
  };

  // What the owner has to find out for the partition to go on; each is a request that it clears by its
  // answer.
  struct Wants {
    bool metadata = false;        // OnLeader
    bool last_sequence = false;   // OnLastSequence
    bool topic_id = false;        // OnTopicId
    bool producer_id = false;     // OnProducerId, with another id than the present one
    bool new_connection = false;  // to its leader: what was sent there was taken for nonsense
  };

  Partition(std::string topic, int32_t index, const Options& options, PartitionListener& listener)
      : topic_(std::move(topic)), index_(index), options_(options), listener_(listener) {}

  const std::string& Topic() const { return topic_; }
  int32_t Index() const { return index_; }

  // --- from the side of the events

  // The batch that the next record is to be appended to, behind all others: one that has not been sent, and
  // stays within `bytes_max` with `bytes` more, or an empty one of `codec`.
  Batch& Open(size_t bytes, size_t bytes_max, bool dead_letters, wire::Codec codec, base::SteadyTime now,
              int64_t now_ms);
  size_t Batches() const { return queue_.size(); }
  size_t Bytes() const;
  uint64_t Records() const;
  // Gives all batches back, in their order, to be placed anew; they hold back what they did. Nothing is out.
  std::deque<std::unique_ptr<Batch>> GiveBack();
  // The same of those that were never sent.
  std::deque<std::unique_ptr<Batch>> GiveBackUnsent();
  // One that was sent and rejected, for another try behind all others.
  void TryAgain(std::unique_ptr<Batch> batch) { queue_.push_back(std::move(batch)); }
  size_t Out() const { return out_; }

  // A batch that an earlier life of the process sent, before anything else happens and in the order of their
  // numbers, which are of one epoch (ResumableOf). It has its tokens; the owner appends the records, in their
  // order, and calls NoteResumed for each. Nothing goes out until all are there, or GiveUpResuming says that
  // no more come.
  Batch& Resume(const wire::ProducerStamp& stamp, const wire::TopicId& topic_id,
                std::span<const uint64_t> tokens, base::SteadyTime now, int64_t now_ms);
  void NoteResumed() { --awaited_; }
  void GiveUpResuming();
  // Those that have a number, or were sent under an earlier one.
  template <typename Visit>
  void VisitSent(Visit visit) {
    for (const auto& batch : queue_) {
      if (batch->sealed) visit(*batch);
    }
  }

  // While `batch`, of another partition, isn't done, nothing goes out here that was not sent before: records
  // that would go here now, and are older, are in it.
  void HoldBack(Batch& batch);
  // What the batch holds back may go on. LetGo: what all of this partition's do.
  static void Release(Batch& batch);
  void LetGo();

  // --- from the side of the cluster

  // A new producer id or the first one.
  void OnProducerId(const ProducerId& id);
  // Who leads it now; node -1: nobody. `id`: the topic's, where the broker tells.
  void OnLeader(int32_t node, int32_t epoch, const wire::TopicId& id, base::SteadyTime now);
  const wire::TopicId& Id() const { return topic_id_; }
  const ProducerId& Producer() const { return producer_; }
  int32_t Leader() const { return leader_; }
  int32_t LeaderEpoch() const { return leader_epoch_; }

  // Whether NextBatch would give one.
  bool CanSend(base::SteadyTime now) const;
  // How large the batch is that NextBatch gives; 0: none is left.
  size_t NextBytes() const { return out_ < queue_.size() ? queue_[out_]->records.Bytes() : 0; }
  // The next batch to send to the leader, now out; null: none. `now_ms`, since 1970, is its records' time if
  // theirs is older than kTimeLasts.
  Batch* NextBatch(base::SteadyTime now, int64_t now_ms);

  // The answer to a batch that was out; `version` of the request, `now_ms` since 1970.
  void OnAnswer(Batch& batch, const wire::PartitionProduced& answer, int16_t version, base::SteadyTime now,
                int64_t now_ms, uint64_t random);
  // The connection ended, or took too long, without one.
  void OnNoAnswer(Batch& batch, base::SteadyTime now, uint64_t random);
  // What the leader knows of this producer here; nullopt: nothing, or it doesn't tell.
  void OnLastSequence(const std::optional<wire::ProducerState>& known, base::SteadyTime now);
  // The topic's id by an answer to a question that was asked behind OnLastSequence: what the leader knows is
  // proof of nothing if it speaks of another topic of the name.
  void OnTopicId(const wire::TopicId& id, base::SteadyTime now);

  State Now() const { return state_; }
  // When it may go on; only while backing off.
  base::SteadyTime NotBefore() const { return not_before_; }
  const Wants& Wanted() const { return wants_; }
  void ClearNewConnection() { wants_.new_connection = false; }

 private:
  // What to do once all that is out is answered.
  enum class Repair : uint8_t {
    kNone,      // send again
    kSplit,     // the oldest batch is too large, or one of its records is at fault: in halves
    kReject,    // take `rejected_` out of the oldest batch
    kRestamp,   // with a new time
    kAsk,       // whether the oldest batch stands in the log
    kNewEpoch,  // number anew from 0
    kNewId,     // the same under another producer id
  };
  // Records of the oldest batch, by rising index.
  struct Rejection {
    std::string_view code = {};
    std::vector<uint32_t> records = {};
    std::vector<std::string> reasons = {};  // by record
  };

  void Fail(std::string_view code, std::string_view reason, base::SteadyTime now, uint64_t random);
  void Sort(const Batch& batch, const wire::PartitionProduced& answer, int16_t version, base::SteadyTime now,
            uint64_t random);
  void SortSequence(base::SteadyTime now, uint64_t random);
  void SortRecords(const Batch& batch, const wire::PartitionProduced& answer, int16_t version,
                   std::string_view code, base::SteadyTime now, uint64_t random);
  void RejectOldest(std::string_view code, std::string_view reason);
  void MendBy(Repair repair);
  void WhenDrained(base::SteadyTime now);
  void GoOnBehindTold();
  static bool StandsInLog(const Batch& batch, int32_t last_sequence);
  void SplitOldest();
  void TakeRejectedOut();
  bool AnyInDoubt() const;
  void NumberAnew();
  void BeginEpoch();
  void EndResuming();
  void OnAnotherLeader(base::SteadyTime now);
  void Deliver(size_t place, int64_t base_offset, bool repeat, base::SteadyTime now);
  void OnWitness(const wire::PartitionProduced& answer, base::SteadyTime now, uint64_t random);

  const std::string topic_;
  const int32_t index_;
  const Options options_;
  PartitionListener& listener_;

  std::deque<std::unique_ptr<Batch>> queue_;  // oldest first; those with numbers stand before those without
  size_t out_ = 0;
  uint32_t held_back_ = 0;  // by so many batches of other partitions
  State state_ = State::kReady;
  Repair repair_ = Repair::kNone;
  Rejection rejection_;
  base::SteadyTime not_before_;
  Wants wants_;
  uint32_t failures_ = 0;           // since the last acknowledgement
  uint32_t sequence_failures_ = 0;  // of the oldest batch, with this leader
  bool nonsense_told_ = false;      // the oldest batch was taken for nonsense already

  int32_t leader_ = -1;
  int32_t leader_epoch_ = -1;
  wire::TopicId topic_id_;
  ProducerId producer_;
  int32_t next_sequence_ = 0;
  bool resuming_ = false;    // `producer_` is an earlier life's
  ProducerId own_producer_;  // while resuming
  size_t awaited_ = 0;       // records of resumed batches that are still to come
  bool proven_ = false;
  base::SteadyTime acknowledged_at_;
  int64_t now_ms_ = 0;               // of the last answer
  int32_t last_sequence_told_ = -1;  // that OnTopicId confirms
  // The place of the last batch that the leader has. It alone is sent, until it is answered.
  std::optional<size_t> witness_;
};

}  // namespace ei::kafka::native
