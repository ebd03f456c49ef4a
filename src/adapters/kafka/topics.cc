#include "adapters/kafka/topics.h"

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
  auto added = std::make_unique<Topic>(static_cast<uint32_t>(known_.size() + 1));
  return *known_.emplace(topic, std::move(added)).first->second;
}

std::string_view Topics::Keep(std::string_view name) {
  const base::MutexLock lock(mutex_);
  const auto known = names_.find(name);
  return known != names_.end() ? *known : *names_.emplace(name).first;
}

}  // namespace ei::kafka
