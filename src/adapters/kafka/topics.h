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

// What is special about a topic; empty: nothing, it is as all are.
struct TopicOptions {
  std::string name;
  std::string compression;
  std::string dlq_topic;
};

// What is known of a topic.
struct Topic {
  // SizeLimits::Known.
  std::atomic<bool> compacted{false};
  std::atomic<bool> one_ack{false};
  static constexpr uint64_t kAnySize = ~uint64_t{0};
  std::atomic<uint64_t> bytes_max{kAnySize};
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
