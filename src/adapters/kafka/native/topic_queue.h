#pragma once

#include <cstdint>
#include <deque>
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
#include "adapters/kafka/native/sent_stamp.h"
#include "base/time.h"
#include "delivery/event_sink.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

// The time now: by the steady clock, and since 1970.
struct Instant {
  base::SteadyTime steady;
  int64_t unix_ms = 0;
};

// What becomes of a topic's records beside their delivery. Called from within the queue's functions.
class TopicQueueListener {
 public:
  virtual ~TopicQueueListener() = default;

  // The topic will never take these. `reasons` by record; one for all of them where it is one.
  virtual void OnUndeliverable(const std::string& topic, const Batch& records, std::string_view code,
                               std::span<const std::string> reasons, uint32_t attempts) = 0;
  // Nothing is delivered for now; it is tried again.
  virtual void OnTopicFault(std::string_view code, const std::string& topic, std::string_view detail) = 0;
};

// The records of one topic: to which of its partitions each goes, in what order when that changes, and which
// of those that brokers reject are at fault themselves. The partitions and their batches are the Producer's.
//
//  - A record with a key goes where the Java client sends it; those without one share a partition for a
//    while, then the next one is chosen: of two the one with fewer bytes waiting (M. Mitzenmacher, "The Power
//    of Two Choices in Randomized Load Balancing", 2001).
//  - When the topic gets another number of partitions, what was never sent is placed anew, in the order of
//    acceptance, and waits for older records of its keys that are still on their way by the old layout.
//  - While the topic isn't known its records wait here; when brokers have said for
//    Options::unknown_topic_grace that there is no such topic, they are undeliverable.
//  - A record that a broker rejects is tried again as often as Options::rejected_retries says, each time
//    once its topic has taken others that were sent after it; then it is at fault itself. While the topic
//    takes none, it is under suspicion, and nothing becomes undeliverable: what was rejected is kept, one is
//    tried now and then, and all are tried again once the topic takes one. What was rejected has lost its
//    place in the order. (One without a key that a compacted topic rejects needs no such proof.)
//
// One thread.
class TopicQueue {
 public:
  static constexpr base::Duration kSuspectAfter = std::chrono::seconds(1);
  static constexpr base::Duration kDeadLetterPatience =
      std::chrono::seconds(5);  // for brokers to make its topic
  // For the events of batches that an earlier life of the process sent: when none was added for so long, what
  // is there goes out without the rest.
  static constexpr base::Duration kResumePatience = std::chrono::seconds(10);
  static constexpr size_t kKeylessBytes = 256 << 10;  // then another partition is chosen

  struct Options {
    base::Duration unknown_topic_grace = std::chrono::minutes(10);
    RetryPolicy rejected_retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 1};
  };

  // `delivered`: records, by the lane until now. What is referred to outlives the queue.
  TopicQueue(std::string name, const Options& options, Producer& producer, TopicQueueListener& listener,
             const uint64_t& delivered, uint64_t seed);

  const std::string& Name() const { return name_; }

  // What is known of the topic.
  struct Rules {
    size_t batch_bytes_max = 1'000'000;
    wire::Codec codec = wire::Codec::kNone;
    bool compacted = false;  // it takes no record without a key
  };
  // For what is added from now on, and for what was rejected and is not sorted out.
  void UseRules(const Rules& rules);
  // The next records without a key go to another partition.
  void LeaveKeylessPlace() { keyless_left_ = 0; }

  // By rising positions.
  void Add(const JournalEvent& event, const Instant& now);
  // An earlier life of the process sent these events in one batch, and they will be added again. To be told
  // in the order of ResumableOf, before the first Add.
  void Resume(const SentStamp& stamp, std::span<const uint64_t> positions, const Instant& now);
  void AddDeadLetter(uint64_t token, const EventView& event, bool with_value,
                     std::span<const wire::RecordHeader> headers, const Instant& now);

  // What the producer tells of the topic. What is delivered is counted as that already.
  void OnTopic(const ClusterView::Topic& told, base::SteadyTime now);
  void OnPartitionGone(std::deque<std::unique_ptr<Batch>> batches);
  void OnDelivered(const Partition& partition, const Batch& batch, base::SteadyTime now);
  void OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                  std::span<const std::string> reasons, base::SteadyTime now);

  // Does all that is due, before the producer's turn; and again at NextTurn at the latest.
  void Turn(const Instant& now);
  base::SteadyTime NextTurn() const { return next_turn_; }

  // Partitions in which nothing has moved for `time`, though they have records, while the lane has delivered
  // at least half as many elsewhere, and kStalledDeliveriesMin. By rising number.
  std::vector<int32_t> Stalled(base::SteadyTime now, base::Duration time) const;
  static constexpr uint64_t kStalledDeliveriesMin = 100;
  // 0: not known.
  uint32_t Partitions() const { return partitions_; }

 private:
  using Batches = std::deque<std::unique_ptr<Batch>>;
  // Where an event goes that is to be sent as an earlier life of the process did.
  struct Resumed {
    Batch* batch = nullptr;
    Producer::Line* line = nullptr;
  };
  struct Place {
    Producer::Line* line = nullptr;
    base::SteadyTime moved_at = {};  // its last delivery, or its first record after it had none
    uint64_t delivered_then = 0;     // by the lane
  };
  // Rejected, and it isn't known whose fault that is.
  struct Rejected {
    std::unique_ptr<Batch> records;
    std::string_view code;
    std::vector<std::string> reasons;  // by record; one where they are alike
    uint32_t attempts = 0;
    int32_t partition = 0;  // that it came from, of so many
    uint32_t partitions = 0;
    base::SteadyTime since;
    base::SteadyTime again_at;  // at the earliest
  };

  bool AddResumed(const JournalEvent& event, std::span<const wire::RecordHeader> headers, const Instant& now);
  void GiveUpResuming();
  Batch& OpenUnplaced(size_t bytes, bool dead_letters, const Instant& now);
  Batch& OpenIn(uint32_t place, size_t bytes, bool dead_letters, base::SteadyTime began, int64_t unix_ms,
                base::SteadyTime now);
  Batch& OpenFor(std::optional<uint32_t> key_hash, size_t bytes, bool dead_letters, const Instant& now);
  uint32_t PlaceOf(uint32_t key_hash) const { return (key_hash & 0x7fffffff) % Partitions(); }
  uint32_t KeylessPlace(size_t bytes);
  void NoteFilled(Place& place, base::SteadyTime now) const;
  void PlaceAll(uint32_t partitions, base::SteadyTime now);
  void HoldBackByKeys();
  void PlaceSorted(const Batches& batches, base::SteadyTime now);
  void PlaceAnew(const Batch& batch, const wire::RecordView& record, uint64_t token, const EventRun& run,
                 base::SteadyTime now);
  void GiveUpUnplaced(base::Duration events_after, base::Duration dead_letters_after, std::string_view code,
                      base::SteadyTime now);
  bool LacksKeys(const Batch& rejected) const;
  Rejected TakeOldestRejected();
  void Judge(base::SteadyTime now);
  void Suspect(base::SteadyTime now);
  void TryAgain(Rejected rejected, base::SteadyTime now);
  uint32_t Attempts(const Batch& records) const;
  void TellUndeliverable(const Batch& records, std::string_view code, std::span<const std::string> reasons);
  void Wake(base::SteadyTime at) { next_turn_ = std::min(next_turn_, at); }

  const std::string name_;
  const Options options_;
  Producer& producer_;
  TopicQueueListener& listener_;
  const uint64_t& lane_delivered_;
  std::mt19937_64 random_;

  Rules rules_;
  uint32_t partitions_ = 0;
  std::vector<Place> places_;  // by partition; also those that are gone, which may still have batches
  Batches unplaced_;           // not empty: what comes goes behind it
  std::map<uint64_t, Resumed> resumed_;            // events that are still to come, by position
  base::SteadyTime resume_until_;                  // without news of them
  std::optional<base::SteadyTime> missing_since_;  // brokers say that there is no such topic
  uint32_t keyless_place_ = 0;
  size_t keyless_left_ = 0;  // bytes until another one is chosen

  base::SteadyTime took_;                            // when the newest was sent of those that the topic took
  std::deque<Rejected> rejected_;                    // oldest first; while the topic took nothing since then
  std::multimap<base::SteadyTime, Rejected> again_;  // by when they are tried again
  std::optional<base::SteadyTime> suspected_since_;
  uint32_t probes_ = 0;
  base::SteadyTime probe_at_;
  std::map<uint64_t, uint32_t> attempts_;  // of events that are tried again, by position

  base::SteadyTime next_turn_;
};

}  // namespace ei::kafka::native
