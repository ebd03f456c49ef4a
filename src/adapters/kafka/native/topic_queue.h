#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/native/batch.h"
#include "adapters/kafka/native/producer.h"
#include "adapters/kafka/native/rejected_records.h"
#include "adapters/kafka/native/sent_stamp.h"
#include "adapters/kafka/native/topic_queue_listener.h"
#include "adapters/kafka/stall_rule.h"
#include "base/time.h"
#include "delivery/event_sink.h"
#include "delivery/retry_policy.h"
#include "journal/stalled_topic.h"

namespace ei::kafka::native {

// The current time by the steady clock and since 1970.
struct Instant {
  base::SteadyTime steady;
  int64_t unix_ms = 0;
};

// The records of one topic: assigns them to partitions, and keeps their order when the number of partitions
// changes. The Producer owns the partitions and their batches.
//
//  - A record with a key goes to the same partition as with the Java client. Records without a key go to one
//    partition for a while, then to another: of two candidates the one with fewer waiting bytes (M.
//    Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
//  - When the topic's number of partitions changes, records that were never sent are assigned again in the
//    order of acceptance. They wait for older records of their keys that are still being sent to the old
//    partition.
//  - While the topic is unknown its records wait here. When brokers have reported for
//    Options::unknown_topic_grace that the topic doesn't exist, they are undeliverable.
//  - A record that the topic rejects is in RejectedRecords until it is retried. It loses its place in the
//    order.
//
// One thread.
class TopicQueue {
 public:
  static constexpr base::Duration kDeadLetterWait = std::chrono::seconds(5);  // for brokers to make its topic
  // How long to wait for the events of batches that a previous run of the process sent. When none was added
  // for this time, the events that are here are sent without the rest.
  static constexpr base::Duration kResumeWait = std::chrono::seconds(10);
  static constexpr size_t kKeylessBytes = 256 << 10;  // then records without a key change partition

  struct Options {
    base::Duration unknown_topic_grace = std::chrono::minutes(10);
    RetryPolicy rejected_retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 1};
  };

  // `delivered`: the number of records that the lane has delivered so far. All references must outlive the
  // queue.
  TopicQueue(std::string name, const Options& options, Producer& producer, TopicQueueListener& listener,
             const uint64_t& delivered, uint64_t seed);
  TopicQueue(const TopicQueue&) = delete;
  TopicQueue& operator=(const TopicQueue&) = delete;

  const std::string& Name() const { return name_; }

  // Settings of the topic.
  struct Rules {
    size_t batch_bytes_max = 1'000'000;
    wire::Codec codec = wire::Codec::kNone;
    bool compacted = false;  // it rejects records without a key
  };
  // Applies to records added from now on, and to rejected records whose cause isn't known yet.
  void UseRules(const Rules& rules);
  // Makes the next records without a key go to another partition.
  void LeaveKeylessPlace() { keyless_left_ = 0; }

  // Events must be added by ascending position.
  void Add(const JournalEvent& event, const Instant& now);
  // A previous run of the process sent these events in one batch, and they will be added again. Must be
  // called in the order of ResumableOf, before the first Add.
  void Resume(const SentStamp& stamp, std::span<const uint64_t> positions, const Instant& now);
  void AddDeadLetter(uint64_t token, const EventView& event, bool with_value,
                     std::span<const wire::RecordHeader> headers, const Instant& now);

  // Reports of the producer. `delivered` must already include the batch of OnDelivered.
  void OnTopic(const ClusterView::Topic& view, base::SteadyTime now);
  void OnPartitionGone(Batches batches);
  void OnDelivered(const Partition& partition, const Batch& batch, base::SteadyTime now);
  void OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                  std::span<const std::string> reasons, base::SteadyTime now);

  // Does everything that is due. Must be called before the producer's turn, and again at NextTurn at the
  // latest.
  void Turn(const Instant& now);
  base::SteadyTime NextTurn() const { return next_turn_; }

  // Returns the stalled partitions, ascending. The lane must have delivered elsewhere, since such a partition
  // delivered something, at least kStalledDeliveriesMin records and at least half as many as it has.
  std::vector<int32_t> Stalled(base::SteadyTime now, const StallRule& rule) const;
  static constexpr uint64_t kStalledDeliveriesMin = 100;
  // 0: unknown.
  uint32_t Partitions() const { return partitions_; }

 private:
  // The batch that an event is resent in, as a previous run of the process sent it.
  struct Resumed {
    Batch* batch = nullptr;
    Line* line = nullptr;
  };
  struct Place {
    Line* line = nullptr;
    base::SteadyTime moved_at = {};  // its last delivery, or its first record after it had none
    uint64_t delivered_then = 0;     // value of the lane's delivered count at that time
  };

  bool AddResumed(const JournalEvent& event, std::span<const wire::RecordHeader> headers, const Instant& now);
  void GiveUpResuming();
  Batch& OpenUnplaced(size_t bytes, bool dead_letters, const Instant& now);
  Batch& OpenIn(uint32_t place, size_t bytes, bool dead_letters, base::SteadyTime began, int64_t unix_ms,
                base::SteadyTime now);
  Batch& OpenFor(std::optional<uint32_t> key_hash, size_t bytes, bool dead_letters, const Instant& now);
  uint32_t PlaceOf(uint32_t key_hash) const { return PartitionOf(key_hash, Partitions()); }
  uint32_t KeylessPlace(size_t bytes);
  void NoteFilled(Place& place, base::SteadyTime now) const;
  void PlaceAll(uint32_t partitions, base::SteadyTime now);
  void HoldBackByKeys();
  void PlaceSorted(const Batches& batches, base::SteadyTime now);
  void PlaceAgain(const Batch& batch, const wire::RecordView& record, uint64_t token, const EventRun& run,
                  base::SteadyTime now);
  void GiveUpUnplaced(base::Duration events_after, base::Duration dead_letters_after, std::string_view code,
                      base::SteadyTime now);
  void Retry(RejectedRecords::Retry rejected, base::SteadyTime now);
  void Wake(base::SteadyTime at) { next_turn_ = std::min(next_turn_, at); }

  const std::string name_;
  const Options options_;
  Producer& producer_;
  TopicQueueListener& listener_;
  const uint64_t& lane_delivered_;
  std::mt19937_64 random_;
  RejectedRecords rejected_;

  Rules rules_;
  uint32_t partitions_ = 0;
  std::vector<Place> places_;  // by partition; also removed partitions, which may still have batches
  Batches unplaced_;           // if not empty, new records are appended here
  std::map<uint64_t, Resumed> resumed_;            // events to be added again, by position
  base::SteadyTime resume_until_;                  // resuming is given up then
  std::optional<base::SteadyTime> missing_since_;  // since when brokers report that the topic doesn't exist
  uint32_t keyless_place_ = 0;
  size_t keyless_left_ = 0;  // bytes until another partition is chosen

  base::SteadyTime next_turn_;
};

}  // namespace ei::kafka::native
