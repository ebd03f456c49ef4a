#include "app/stuck_destinations.h"

#include <algorithm>
#include <utility>

namespace ei::app {

void StuckDestinations::Tell(size_t lane, std::vector<DestinationId> stuck) {
  const base::MutexLock lock(mutex_);
  by_lane_[lane] = std::move(stuck);
  all_.clear();
  for (const auto& some : by_lane_) all_.insert(all_.end(), some.begin(), some.end());
  std::ranges::sort(all_);
  const auto repeated = std::ranges::unique(all_);
  all_.erase(repeated.begin(), repeated.end());
  any_.store(!all_.empty(), std::memory_order_relaxed);
}

bool StuckDestinations::RefuseLast(const domain::EventBatch& batch) const {
  if (!any_.load(std::memory_order_relaxed)) return false;
  const domain::EventSlices& slices = batch.Events().back();
  OutboundEvent event;
  event.topic = domain::TopicOf(batch, slices);
  event.key_hash = slices.key_hash;
  event.has_key = slices.key_offset != domain::EventSlices::kNoKey;
  const Destinations ways = sink_.DestinationsOf(event);
  if (ways.count > 1) return false;  // it goes round what is stuck
  {
    const base::MutexLock lock(mutex_);
    if (!std::ranges::binary_search(all_, ways.first)) return false;
  }
  return journal_.Crowded();
}

size_t StuckDestinations::Count() const {
  const base::MutexLock lock(mutex_);
  return all_.size();
}

}  // namespace ei::app
