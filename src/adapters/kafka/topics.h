#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/ports/event_sink.h"
#include "base/mutex.h"

namespace ei::kafka {

// What is special about a topic; empty: nothing, it is as all are.
struct TopicOptions {
  std::string name;
  std::string compression;
  std::string dlq_topic;
};

// What is known of a topic. Its number, layout and partition name a destination.
class Topic {
 public:
  static constexpr uint32_t kPartitionsMax = 0xffff;

  explicit Topic(uint32_t topic_number) : number_(topic_number) {}

  // As librdkafka sees them; 0: not known yet.
  void SetPartitions(uint32_t partitions);

  // Whether its batches have to be smaller than those of others.
  void SetLimited(bool limited);
  static bool IsLimited(app::DestinationId destination) { return (destination >> 16 & 1) != 0; }

  // It takes no record without a key, as its own settings say.
  std::atomic<bool> compacted{false};
  // SizeLimits::Known.
  std::atomic<bool> one_ack{false};
  static constexpr uint64_t kAnySize = ~uint64_t{0};
  std::atomic<uint64_t> bytes_max{kAnySize};

  // For events of this key hash; nullopt: for those without a key.
  app::Destinations DestinationsOf(std::optional<uint32_t> key_hash) const;

  // kPartitionsMax: the whole topic, as the partitions aren't known.
  static uint64_t PartitionOf(app::DestinationId destination) { return destination & 0xffff; }

 private:
  static constexpr int kLayoutShift = 32;

  const uint32_t number_;
  // The layout, which rises with each change and is odd for a limited topic, and the number of partitions.
  std::atomic<uint64_t> layout_{0};
};

// The topics that events name: their settings, which may be replaced at any time, and their names, which stay
// where they are for as long as this lives. Thread-safe.
class Topics {
 public:
  Topics(std::string topic, std::string dlq_topic, std::vector<TopicOptions> special);

  void Replace(std::vector<TopicOptions> special) EXCLUDES(mutex_);

  // The topic that an event names; empty is the sink's own.
  std::string_view NameOf(std::string_view topic) const { return topic.empty() ? topic_ : topic; }
  std::string DlqTopicOf(std::string_view topic) const EXCLUDES(mutex_);
  std::string CompressionOf(std::string_view topic) const EXCLUDES(mutex_);  // empty: as all are

  std::string_view Keep(std::string_view name) EXCLUDES(mutex_);

  // As long as this lives. Empty is the sink's own.
  Topic& Of(std::string_view topic) EXCLUDES(mutex_);
  size_t OneAckTopics() const EXCLUDES(mutex_);
  // By its destinations' number.
  Topic& Numbered(uint32_t number) EXCLUDES(mutex_);

 private:
  const std::string topic_;
  const std::string dlq_topic_;
  mutable base::Mutex mutex_;
  std::map<std::string, TopicOptions, std::less<>> special_ GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> names_ GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> known_ GUARDED_BY(mutex_);
  std::vector<Topic*> numbered_ GUARDED_BY(mutex_);  // from 1
  Topic own_{0};
};

}  // namespace ei::kafka
