#include "app/destination_queues.h"

#include <algorithm>
#include <cassert>

namespace ei::app {

DestinationQueues::DestinationQueues(size_t window)
    : window_(window), pool_(window + (window + kShare - 1) / kShare) {}

DestinationQueues::Queue& DestinationQueues::Of(DestinationId destination) {
  Queue& queue = queues_[destination];
  queue.id = destination;
  return queue;
}

DestinationQueues::Queue& DestinationQueues::List(DestinationId destination) {
  Queue& queue = Of(destination);
  if (!queue.listed) with_entries_.push_back(&queue);
  queue.listed = true;
  return queue;
}

void DestinationQueues::Add(DestinationId destination, const Entry& entry) {
  Queue& queue = List(destination);
  assert(queue.entries.empty() || queue.entries.back().position < entry.position);
  queue.entries.push_back(entry);
  ++waiting_;
}

void DestinationQueues::AddFree(const Destinations& ways, const Entry& entry) {
  FreeQueue& free = free_[ways.first];
  free.ways = ways.count;
  free.entries.push_back(entry);
  ++waiting_;
}

void DestinationQueues::PutBack(DestinationId destination, const Entry& entry, base::SteadyTime not_before) {
  Queue& queue = List(destination);
  const auto behind = std::ranges::upper_bound(queue.entries, entry.position, {}, &Entry::position);
  queue.entries.insert(behind, entry);
  ++waiting_;
  queue.not_before = queue.held ? std::max(queue.not_before, not_before) : not_before;
  queue.held = true;
  queue.idle = false;
}

void DestinationQueues::Returned(DestinationId destination) {
  Queue& queue = Of(destination);
  assert(queue.in_flight > 0);
  --queue.in_flight;
  --in_flight_;
  queue.group_is_out = queue.group_is_out && queue.in_flight > 0;
  queue.idle = queue.in_flight == 0 && queue.entries.empty();
}

void DestinationQueues::Delivered(DestinationId destination, base::SteadyTime now) {
  Queue& queue = Of(destination);
  if (now != queue.moved_at || queue.halted) {  // the first one of these reports
    queue.reach = std::max(kReachMin, 2 * queue.most);
    queue.most = queue.in_flight;
  }
  Returned(destination);
  ++delivered_;
  Moved(queue, now);
}

void DestinationQueues::Moved(Queue& queue, base::SteadyTime now) const {
  queue.halted = false;
  queue.moved_at = now;
  queue.delivered_then = delivered_;
}

std::vector<DestinationId> DestinationQueues::Stuck(base::SteadyTime now, base::Duration time) const {
  const uint64_t enough = std::max<uint64_t>(kStuckDeliveriesMin, (waiting_ + in_flight_) / 2);
  std::vector<DestinationId> stuck;
  for (const auto& [id, queue] : queues_) {
    if (queue.idle || now - queue.moved_at < time) continue;
    if (delivered_ - queue.delivered_then >= enough) stuck.push_back(id);
  }
  return stuck;
}

bool DestinationQueues::MayLeave(const Queue& queue, base::SteadyTime now) const {
  if (queue.entries.empty()) return false;
  if (queue.entries.front().group_max > 0 && queue.in_flight > 0) return false;
  return HasRoom(queue, now);
}

bool DestinationQueues::HasRoom(const Queue& queue, base::SteadyTime now) const {
  if (queue.group_is_out) return false;
  if (queue.held) return queue.in_flight == 0 && now >= queue.not_before;
  return queue.in_flight < LimitOf(queue);
}

size_t DestinationQueues::LimitOf(const Queue& queue) const {
  if (queue.halted) return queue.in_flight == 0 ? 1 : 0;
  const size_t left = pool_ - std::min(pool_, in_flight_);
  return std::max(std::min({kShare * left, window_, queue.reach}),
                  queue.in_flight == 0 ? size_t{1} : size_t{0});
}

void DestinationQueues::Depart(Queue& queue, const Entry& entry, uint32_t group, base::SteadyTime now,
                               std::vector<Departure>& departures) {
  if (queue.idle) Moved(queue, now);
  queue.idle = false;
  queue.held = false;
  queue.group_is_out = group > 0;
  departures.push_back({entry.slot, queue.id, group});
  ++queue.in_flight;
  queue.most = std::max(queue.most, queue.in_flight);
  ++in_flight_;
  --waiting_;
}

void DestinationQueues::DepartGroup(Queue& queue, size_t max, base::SteadyTime now,
                                    std::vector<Departure>& departures) {
  const size_t room = std::min({max, queue.entries.size(), LimitOf(queue)});
  uint32_t size = 1;
  while (size < room && queue.entries[size].group_max > size && queue.entries[0].group_max > size) ++size;
  for (uint32_t i = 0; i < size; ++i) {
    Depart(queue, queue.entries.front(), size, now, departures);
    queue.entries.pop_front();
  }
}

void DestinationQueues::TakeDepartures(base::SteadyTime now, size_t max, std::vector<Departure>& departures) {
  const size_t queues = with_entries_.size();
  const size_t end = departures.size() + max;
  for (size_t i = 0; i < queues && departures.size() < end; ++i) {
    Queue& queue = *with_entries_[(next_ + i) % queues];
    while (departures.size() < end && MayLeave(queue, now)) {
      if (queue.entries.front().group_max > 0) {
        DepartGroup(queue, end - departures.size(), now, departures);
      } else {
        Depart(queue, queue.entries.front(), 0, now, departures);
        queue.entries.pop_front();
      }
    }
  }
  if (queues > 0) next_ = (next_ + 1) % queues;
  std::erase_if(with_entries_, [](Queue* queue) {
    queue->listed = !queue->entries.empty();
    return !queue->listed;
  });
  for (auto& [first, free] : free_) TakeFree(first, free, end - departures.size(), now, departures);
}

void DestinationQueues::TakeFree(DestinationId first, FreeQueue& free, size_t max, base::SteadyTime now,
                                 std::vector<Departure>& departures) {
  if (free.entries.empty()) return;
  ++free.way;
  for (; max > 0 && !free.entries.empty(); --max) {
    Queue* const queue = ChooseWay(first, free, now);
    if (queue == nullptr) return;
    Depart(*queue, free.entries.front(), 0, now, departures);
    free.entries.pop_front();
  }
}

// Null: neither of the two that are looked at has room now.
DestinationQueues::Queue* DestinationQueues::ChooseWay(DestinationId first, FreeQueue& free,
                                                       base::SteadyTime now) {
  const auto load = [](const Queue& queue) { return queue.entries.size() + queue.in_flight; };
  Queue& present = Of(first + free.way % free.ways);
  const uint32_t next = free.way + 1 + free.other++ % (free.ways - 1);
  Queue& other = Of(first + next % free.ways);
  const bool may_go_on = present.entries.empty() && HasRoom(present, now);
  const bool may_change = other.entries.empty() && HasRoom(other, now);
  if (may_go_on && (!may_change || load(present) <= load(other) + kUnevenMax)) return &present;
  if (!may_change) return nullptr;
  free.way = next;
  return &other;
}

std::optional<base::SteadyTime> DestinationQueues::NextDeparture() const {
  std::optional<base::SteadyTime> next;
  for (const Queue* queue : with_entries_) {
    if (!queue->held || queue->in_flight > 0) continue;
    next = next ? std::min(*next, queue->not_before) : queue->not_before;
  }
  return next;
}

size_t DestinationQueues::ReportsWorthALook() const {
  size_t reports = 0;
  for (const Queue* queue : with_entries_) {
    if (queue->entries.empty() || queue->in_flight == 0) continue;
    const bool all = queue->held || queue->group_is_out || queue->entries.front().group_max > 0;
    const size_t worth = all ? queue->in_flight : (queue->in_flight + kShare - 1) / kShare;
    reports = reports == 0 ? worth : std::min(reports, worth);
  }
  for (const auto& [first, free] : free_) {
    if (free.entries.empty()) continue;
    for (uint32_t way = 0; way < free.ways; ++way) {
      const auto queue = queues_.find(first + way);
      if (queue == queues_.end() || queue->second.in_flight == 0) continue;
      const size_t worth = (queue->second.in_flight + kShare - 1) / kShare;
      reports = reports == 0 ? worth : std::min(reports, worth);
    }
  }
  return reports;
}

size_t DestinationQueues::Load(DestinationId destination) const {
  const auto found = queues_.find(destination);
  return found == queues_.end() ? 0 : found->second.entries.size() + found->second.in_flight;
}

}  // namespace ei::app
