#include "adapters/wal/deferred_events.h"

#include <algorithm>
#include <utility>

namespace ei::wal {

void DeferredEvents::UseStalls(std::vector<StalledTopic> stalls) {
  stalls_ = std::move(stalls);
  next_return_.reset();
}

std::optional<base::SteadyTime> DeferredEvents::Oldest() const {
  std::optional<base::SteadyTime> oldest;
  for (const auto& [name, topic] : topics_) {
    for (const auto& [number, bucket] : topic.buckets) {
      oldest = std::min(oldest.value_or(bucket.front().accepted_at), bucket.front().accepted_at);
    }
  }
  return oldest;
}

bool DeferredEvents::Defer(std::string_view topic, const JournalEvent& event) {
  if (!event.has_key) return false;
  auto found = topics_.find(topic);
  bool waits = false;
  if (found != topics_.end()) {
    waits = found->second.buckets.contains(PartitionOf(event.key_hash, found->second.partitions));
  }
  if (const StalledTopic* const stalls = StallsOf(topic); !waits && stalls != nullptr) {
    waits = stalls->Contains(PartitionOf(event.key_hash, stalls->partitions));
    if (waits && found == topics_.end()) {
      found = topics_.emplace(topic, Topic{.partitions = stalls->partitions, .buckets = {}}).first;
    }
  }
  if (!waits) return false;
  Topic& waiting = found->second;
  const uint32_t number = PartitionOf(event.key_hash, waiting.partitions);
  Bucket& bucket = waiting.buckets[number];
  bucket.push_back({event.position, event.accepted_at});
  ++events_;
  if (bucket.size() == 1) next_return_.reset();
  return true;
}

bool DeferredEvents::Return(std::string_view topic, const JournalEvent& event) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || !event.has_key) return false;
  const uint32_t number = PartitionOf(event.key_hash, found->second.partitions);
  const auto bucket = found->second.buckets.find(number);
  if (bucket == found->second.buckets.end() || bucket->second.front().position != event.position ||
      IsStalled(found->first, found->second.partitions, number)) {
    return false;
  }
  bucket->second.pop_front();
  --events_;
  if (bucket->second.empty()) found->second.buckets.erase(bucket);
  if (found->second.buckets.empty()) topics_.erase(found);
  next_return_.reset();
  return true;
}

std::vector<uint64_t> DeferredEvents::DropLost(uint64_t from, uint64_t to) {
  std::vector<uint64_t> lost;
  for (auto& [name, topic] : topics_) {
    for (auto& [number, bucket] : topic.buckets) {
      if (IsStalled(name, topic.partitions, number)) continue;
      while (!bucket.empty() && bucket.front().position >= from && bucket.front().position < to) {
        lost.push_back(bucket.front().position);
        bucket.pop_front();
        --events_;
      }
    }
    std::erase_if(topic.buckets, [](const auto& bucket) { return bucket.second.empty(); });
  }
  std::erase_if(topics_, [](const auto& topic) { return topic.second.buckets.empty(); });
  next_return_.reset();
  return lost;
}

const StalledTopic* DeferredEvents::StallsOf(std::string_view topic) const {
  const auto found = std::ranges::find(stalls_, topic, &StalledTopic::topic);
  return found == stalls_.end() ? nullptr : &*found;
}

// Of a topic that has another number of partitions now, no bucket counts as stalled: it may hold keys of
// partitions that accept events.
bool DeferredEvents::IsStalled(const std::string& topic, uint32_t partitions, uint32_t bucket) const {
  const StalledTopic* const stalls = StallsOf(topic);
  return stalls != nullptr && stalls->partitions == partitions && stalls->Contains(bucket);
}

std::optional<uint64_t> DeferredEvents::NextReturn() const {
  if (next_return_) return *next_return_;
  std::optional<uint64_t> next;
  for (const auto& [name, topic] : topics_) {
    for (const auto& [number, bucket] : topic.buckets) {
      if (IsStalled(name, topic.partitions, number)) continue;
      next = std::min(next.value_or(bucket.front().position), bucket.front().position);
    }
  }
  next_return_ = next;
  return next;
}

}  // namespace ei::wal
