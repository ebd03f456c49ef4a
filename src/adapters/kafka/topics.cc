#include "adapters/kafka/topics.h"

#include <algorithm>
#include <utility>

namespace ei::kafka {

Topics::Topics(std::string topic, std::string dlq_topic, std::vector<TopicOptions> special)
    : topic_(std::move(topic)), dlq_topic_(std::move(dlq_topic)) {
  Replace(std::move(special));
}

void Topics::Replace(std::vector<TopicOptions> special) {
  const base::MutexLock lock(mutex_);
  special_.clear();
  for (TopicOptions& options : special) {
    std::string name = options.name;
    special_.emplace(std::move(name), std::move(options));
  }
}

std::string Topics::DlqTopicOf(std::string_view topic) const {
  const base::MutexLock lock(mutex_);
  const auto found = special_.find(NameOf(topic));
  return found == special_.end() || found->second.dlq_topic.empty() ? dlq_topic_ : found->second.dlq_topic;
}

std::string Topics::CompressionOf(std::string_view topic) const {
  const base::MutexLock lock(mutex_);
  const auto found = special_.find(NameOf(topic));
  return found == special_.end() ? std::string() : found->second.compression;
}

Topic& Topics::Of(std::string_view topic) {
  if (NameOf(topic) == topic_) return own_;
  const base::MutexLock lock(mutex_);
  if (const auto known = known_.find(topic); known != known_.end()) return *known->second;
  return *known_.emplace(topic, std::make_unique<Topic>()).first->second;
}

size_t Topics::OneAckTopics() const {
  const base::MutexLock lock(mutex_);
  const auto one_ack = [](const Topic& topic) { return topic.one_ack.load(std::memory_order_relaxed); };
  return (one_ack(own_) ? 1 : 0) + static_cast<size_t>(std::ranges::count_if(
                                       known_, [&](const auto& entry) { return one_ack(*entry.second); }));
}

std::string_view Topics::Keep(std::string_view name) {
  const base::MutexLock lock(mutex_);
  const auto known = names_.find(name);
  return known != names_.end() ? *known : *names_.emplace(name).first;
}

}  // namespace ei::kafka
