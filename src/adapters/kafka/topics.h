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

#include "base/mutex.h"

namespace ei::kafka {

// Settings of one topic that differ from the defaults; empty: the default.
struct TopicOptions {
  std::string name;
  std::string compression;
  std::string dlq_topic;
};

// What the brokers reported about a topic.
struct Topic {
  // SizeLimits::Known.
  std::atomic<bool> compacted{false};
  std::atomic<bool> one_ack{false};
  static constexpr uint64_t kAnySize = ~uint64_t{0};
  std::atomic<uint64_t> bytes_max{kAnySize};
};

// The topics that events name. Their settings may be replaced at any time. Returned names and Topic
// references are valid as long as this object lives. Thread-safe.
class Topics {
 public:
  Topics(std::string topic, std::string dlq_topic, std::vector<TopicOptions> special);

  void Replace(std::vector<TopicOptions> special) EXCLUDES(mutex_);

  // Returns the topic that an event names; an empty name means the sink's default topic.
  std::string_view NameOf(std::string_view topic) const { return topic.empty() ? topic_ : topic; }
  std::string DlqTopicOf(std::string_view topic) const EXCLUDES(mutex_);
  std::string CompressionOf(std::string_view topic) const EXCLUDES(mutex_);  // empty: the default

  std::string_view Keep(std::string_view name) EXCLUDES(mutex_);

  // The reference is valid as long as this object lives. An empty name means the sink's default topic.
  Topic& Of(std::string_view topic) EXCLUDES(mutex_);
  size_t OneAckTopics() const EXCLUDES(mutex_);

 private:
  const std::string topic_;
  const std::string dlq_topic_;
  mutable base::Mutex mutex_;
  std::map<std::string, TopicOptions, std::less<>> special_ GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> names_ GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> known_ GUARDED_BY(mutex_);
  Topic own_;
};

}  // namespace ei::kafka
