#include "adapters/kafka/topics.h"

#include <algorithm>
#include <utility>

namespace ei::kafka {

void Topic::SetPartitions(uint32_t partitions) {
  uint64_t known = layout_.load(std::memory_order_relaxed);
  while (static_cast<uint32_t>(known) != partitions) {
    const uint64_t changed = ((known >> kLayoutShift) + 2) << kLayoutShift | partitions;
    if (layout_.compare_exchange_weak(known, changed, std::memory_order_relaxed)) return;
  }
}

void Topic::SetLimited(bool limited) {
  uint64_t known = layout_.load(std::memory_order_relaxed);
  while ((known >> kLayoutShift & 1) != (limited ? 1 : 0)) {
    const uint64_t changed = known + (uint64_t{1} << kLayoutShift);
    if (layout_.compare_exchange_weak(known, changed, std::memory_order_relaxed)) return;
  }
}

app::Destinations Topic::DestinationsOf(std::optional<uint32_t> key_hash) const {
  const uint64_t known = layout_.load(std::memory_order_relaxed);
  const auto partitions = static_cast<uint32_t>(known);
  const auto layout = static_cast<uint32_t>(known >> kLayoutShift);
  app::Destinations ways{uint64_t{number_} << 48 | uint64_t{layout} << 16, 1, number_, layout};
  if (partitions == 0 || partitions > kPartitionsMax) {
    ways.first |= kPartitionsMax;
  } else if (key_hash) {
    ways.first |= (*key_hash & 0x7fffffff) % partitions;  // as the Java client does
  } else {
    ways.count = partitions;
  }
  return ways;
}

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
  numbered_.push_back(added.get());
  return *known_.emplace(topic, std::move(added)).first->second;
}

size_t Topics::OneAckTopics() const {
  const base::MutexLock lock(mutex_);
  const auto one_ack = [](const Topic* topic) { return topic->one_ack.load(std::memory_order_relaxed); };
  return static_cast<size_t>(std::ranges::count_if(numbered_, one_ack)) + (one_ack(&own_) ? 1 : 0);
}

Topic& Topics::Numbered(uint32_t number) {
  if (number == 0) return own_;
  const base::MutexLock lock(mutex_);
  return *numbered_.at(number - 1);
}

std::string_view Topics::Keep(std::string_view name) {
  const base::MutexLock lock(mutex_);
  const auto known = names_.find(name);
  return known != names_.end() ? *known : *names_.emplace(name).first;
}

}  // namespace ei::kafka
