#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/kafka/native/batch.h"
#include "adapters/kafka/native/topic_queue_listener.h"
#include "base/time.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

// Records that a topic rejected. Finds out whether the records or the topic are at fault:
//
//  - A rejected record is retried as often as the policy says. A try counts once the topic has accepted other
//    records that were sent after it. After the last try the record itself is at fault and undeliverable.
//  - While the topic accepts no record at all, it is suspected and nothing becomes undeliverable: rejected
//    records are kept, one of them is retried now and then, and all are retried once the topic accepts one.
//  - Two causes need no such proof: a record is too large, or a compacted topic rejects a record without a
//    key. Dead letters aren't retried.
//
// One thread.
class RejectedRecords {
 public:
  static constexpr base::Duration kSuspectAfter = std::chrono::seconds(1);

  // Where records were rejected: a partition, and the number of partitions at that time.
  struct Place {
    int32_t partition = 0;
    uint32_t partitions = 0;
  };
  struct Retry {
    std::unique_ptr<Batch> records;
    Place place;
  };

  // `listener` and `random` must outlive this.
  RejectedRecords(std::string topic, const RetryPolicy& policy, TopicQueueListener& listener,
                  std::mt19937_64& random)
      : topic_(std::move(topic)), policy_(policy), listener_(listener), random_(random) {}

  // Also applies to rejected records whose cause isn't known yet.
  void SetCompacted(bool compacted);
  // Returns whether they are kept: Turn must be called. Otherwise they are undeliverable.
  bool Add(std::unique_ptr<Batch> records, std::string_view code, std::span<const std::string> reasons,
           const Place& place, base::SteadyTime now);
  // The topic has accepted the batch. Turn must be called if any rejected records are left.
  void OnDelivered(const Batch& batch);
  bool Empty() const { return rejected_.empty(); }
  // These records are undeliverable.
  void GiveUp(const Batch& records, std::string_view code, std::span<const std::string> reasons);

  // Does everything that is due. Returns the records to be sent again now.
  std::vector<Retry> Turn(base::SteadyTime now);
  base::SteadyTime NextTurn() const { return next_turn_; }

 private:
  // Rejected records whose cause isn't known yet.
  struct Rejected {
    std::unique_ptr<Batch> records;
    std::string_view code;
    std::vector<std::string> reasons;  // by record; a single one if all are equal
    uint32_t attempts = 0;
    Place place;
    base::SteadyTime since;
    base::SteadyTime retry_at;  // earliest time of the retry
  };

  bool LacksKeys(const Batch& records) const;
  uint32_t Attempts(const Batch& records) const;
  Rejected TakeOldest();
  Retry RetryOf(Rejected rejected);
  std::optional<Retry> Probe(base::SteadyTime now);
  void Wake(base::SteadyTime at) { next_turn_ = std::min(next_turn_, at); }

  const std::string topic_;
  const RetryPolicy policy_;
  TopicQueueListener& listener_;
  std::mt19937_64& random_;

  bool compacted_ = false;
  base::SteadyTime accepted_at_;   // latest send time of an accepted batch
  std::deque<Rejected> rejected_;  // oldest first; the topic has accepted nothing sent after them
  std::multimap<base::SteadyTime, Rejected> retries_;  // by time of the retry
  std::optional<base::SteadyTime> suspected_since_;
  uint32_t probes_ = 0;
  base::SteadyTime probe_at_;
  std::map<uint64_t, uint32_t> attempts_;  // of retried events, by position
  base::SteadyTime next_turn_;
};

}  // namespace ei::kafka::native
