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

// The largest record that a topic accepts.
struct TopicLimit {
  std::string_view topic;  // its name, for messages; valid as long as the TopicLimits
  uint64_t bytes_max = 0;  // of a batch that holds only this record
};

// The maximum record sizes of topics, as far as the sink has learnt them, so that an event that can't be
// delivered is rejected before it is accepted. While a topic's limit is not known, its events are accepted.
// Thread-safe. A check costs one load for all but the largest events.
class TopicLimits {
 public:
  // `topic`: as events name it; empty: the sink's default topic. `name`: its name, for messages. `bytes_max`
  // nullopt: the limit isn't known any more.
  void Learn(std::string_view topic, std::string_view name, std::optional<uint64_t> bytes_max)
      EXCLUDES(mutex_);

  // Returns the limit that the batch's last event exceeds; nullopt: none.
  std::optional<TopicLimit> BrokenByLast(const EventBatch& batch) const EXCLUDES(mutex_);

 private:
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  struct Entry {
    std::string name;
    uint64_t bytes_max = kNone;
  };

  std::atomic<uint64_t> least_{kNone};  // the smallest limit of all topics
  mutable base::Mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);  // entries are never removed
};

// The size in bytes of the record batch if the event is sent to Kafka in a separate request, uncompressed.
// A topic's max.message.bytes limits this size.
uint64_t RecordBatchBytes(const EventBatch& batch, const EventSlices& event);

}  // namespace ei
