#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "event/event_batch.h"

namespace ei {

// The largest record that a topic takes.
struct TopicLimit {
  std::string_view topic;  // its name, for people; lives as long as the TopicLimits
  uint64_t bytes_max = 0;  // of a batch that holds this record alone
};

// What the sink has learnt about the sizes that topics take, so that an event which can't be delivered is
// refused at the door. What isn't known here is taken. Thread-safe; a look costs one load for all but the
// largest events.
class TopicLimits {
 public:
  // `topic` as events name it; empty is the sink's own. `bytes_max` nullopt: not known any more.
  void Learn(std::string_view topic, std::string_view name, std::optional<uint64_t> bytes_max)
      EXCLUDES(mutex_);

  // The limit that keeps the batch's last event from its topic.
  std::optional<TopicLimit> BrokenByLast(const EventBatch& batch) const EXCLUDES(mutex_);

 private:
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  struct Entry {
    std::string name;
    uint64_t bytes_max = kNone;
  };

  std::atomic<uint64_t> least_{kNone};  // of all topics
  mutable base::Mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);  // none is ever removed
};

// The size of the batch that Kafka is given when it gets the event in a request of its own, uncompressed:
// what a topic's max.message.bytes bounds.
uint64_t RecordBatchBytes(const EventBatch& batch, const EventSlices& event);

}  // namespace ei
