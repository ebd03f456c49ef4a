#include "app/stuck_destinations.h"

#include <algorithm>
#include <set>
#include <utility>

namespace ei::app {

void StuckDestinations::Tell(size_t lane, std::vector<DestinationId> stuck) {
  const base::MutexLock lock(mutex_);
  by_lane_[lane] = std::move(stuck);
  any_.store(std::ranges::any_of(by_lane_, [](const auto& some) { return !some.empty(); }),
             std::memory_order_relaxed);
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
    const bool stuck = std::ranges::any_of(by_lane_, [&](const std::vector<DestinationId>& some) {
      return std::ranges::find(some, ways.first) != some.end();
    });
    if (!stuck) return false;
  }
  return journal_.Crowded();
}

size_t StuckDestinations::Count() const {
  const base::MutexLock lock(mutex_);
  std::set<DestinationId> all;
  for (const auto& some : by_lane_) all.insert(some.begin(), some.end());
  return all.size();
}

}  // namespace ei::app
