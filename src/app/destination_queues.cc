#include "app/destination_queues.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace ei::app {

DestinationQueues::DestinationQueues(size_t window)
    : window_(window), pool_(window + (window + kShare - 1) / kShare) {}

DestinationQueues::Queue& DestinationQueues::Of(DestinationId destination) {
  const auto found = queues_.find(destination);
  assert(found != queues_.end());
  return found->second;
}

DestinationQueues::Queue& DestinationQueues::Make(DestinationId destination, uint32_t topic) {
  const auto [made, is_new] = queues_.try_emplace(destination);
  Queue& queue = made->second;
  if (!is_new) return queue;
  queue.id = destination;
  queue.topic = topic;
  if (topics_.size() <= topic) topics_.resize(topic + 1);
  return queue;
}

void DestinationQueues::List(Queue& queue) {
  if (!queue.listed) with_entries_.push_back(&queue);
  queue.listed = true;
}

void DestinationQueues::Add(const Destinations& ways, const Entry& entry) {
  ++waiting_;
  if (ways.count > 1) {
    FreeQueue& free = free_[ways.topic];
    free.ways = ways;
    free.entries.push_back(entry);
    return;
  }
  Queue& queue = Make(ways.first, ways.topic);
  List(queue);
  assert(queue.entries.empty() || queue.entries.back().position < entry.position);
  queue.entries.push_back(entry);
}

void DestinationQueues::PutBack(const Destinations& ways, const Entry& entry, base::SteadyTime not_before) {
  Queue& queue = Make(ways.first, ways.topic);
  if (queue.put_back.empty()) put_back_.push_back(&queue);
  queue.put_back.push_back(entry);
  ++waiting_;
  queue.not_before = queue.held ? std::max(queue.not_before, not_before) : not_before;
  queue.held = true;
  queue.idle = false;
}

void DestinationQueues::EndPutBack() {
  for (Queue* const queue : put_back_) Merge(*queue);
  put_back_.clear();
}

// What failed comes before what waits, but for what was put aside.
void DestinationQueues::Merge(Queue& queue) {
  List(queue);
  std::vector<Entry>& back = queue.put_back;
  std::deque<Entry>& entries = queue.entries;
  std::ranges::sort(back, {}, &Entry::position);
  if (entries.empty() || back.back().position < entries.front().position) {
    entries.insert(entries.begin(), back.begin(), back.end());
  } else {
    std::deque<Entry> merged;
    std::ranges::merge(back, entries, std::back_inserter(merged), {}, &Entry::position, &Entry::position);
    entries = std::move(merged);
  }
  back.clear();
}

void DestinationQueues::PutAside(const Destinations& ways, const Entry& entry, base::SteadyTime due) {
  asides_.push_back({due, ways, entry});
  std::push_heap(asides_.begin(), asides_.end());
  ++waiting_;
}

void DestinationQueues::TakeAsides(base::SteadyTime now) {
  while (!asides_.empty() && asides_.front().due <= now) {
    const Aside& aside = asides_.front();
    Queue& queue = Make(aside.ways.first, aside.ways.topic);
    if (queue.put_back.empty()) put_back_.push_back(&queue);
    queue.put_back.push_back(aside.entry);
    std::pop_heap(asides_.begin(), asides_.end());
    asides_.pop_back();
  }
  EndPutBack();
}

bool DestinationQueues::Return(Queue& queue) {
  assert(queue.in_flight > 0);
  --queue.in_flight;
  --in_flight_;
  queue.group_is_out = queue.group_is_out && queue.in_flight > 0;
  queue.idle = Idle(queue);
  const bool outdated = queue.outdated;
  if (outdated && queue.in_flight == 0) queues_.erase(queue.id);
  return outdated;
}

bool DestinationQueues::Returned(DestinationId destination) { return Return(Of(destination)); }

bool DestinationQueues::Delivered(DestinationId destination, base::SteadyTime now) {
  Queue& queue = Of(destination);
  if (now != queue.moved_at || queue.halted) {  // the first one of these reports
    queue.reach = std::max(kReachMin, 2 * queue.most);
    queue.most = queue.in_flight;
  }
  ++delivered_;
  ++topics_[queue.topic].delivered;
  queue.suspicions = 0;
  Moved(queue, now);
  return Return(queue);
}

std::vector<DestinationQueues::Entry> DestinationQueues::Relayout(uint32_t topic, uint32_t layout) {
  EndPutBack();
  std::vector<Entry> waiting;
  const auto of_topic = [topic](const Queue* queue) { return queue->topic == topic; };
  std::erase_if(with_entries_, of_topic);
  for (auto next = queues_.begin(); next != queues_.end();) {
    Queue& queue = next->second;
    const bool affected = queue.topic == topic;
    if (affected) {
      waiting.insert(waiting.end(), queue.entries.begin(), queue.entries.end());
      queue.entries.clear();
      queue.listed = false;
      queue.outdated = true;
    }
    next = affected && queue.in_flight == 0 ? queues_.erase(next) : std::next(next);
  }
  std::erase_if(asides_, [&](const Aside& aside) {
    if (aside.ways.topic == topic) waiting.push_back(aside.entry);
    return aside.ways.topic == topic;
  });
  std::make_heap(asides_.begin(), asides_.end());
  if (const auto free = free_.find(topic); free != free_.end()) {
    waiting.insert(waiting.end(), free->second.entries.begin(), free->second.entries.end());
    free_.erase(free);
  }
  waiting_ -= waiting.size();
  std::ranges::sort(waiting, {}, &Entry::position);
  if (topics_.size() <= topic) topics_.resize(topic + 1);
  topics_[topic].layout = layout;
  return waiting;
}

void DestinationQueues::Await(const Destinations& ways, base::SteadyTime now) {
  Queue& queue = Make(ways.first, ways.topic);
  ++queue.awaited;
  if (queue.idle) Moved(queue, now);
  queue.idle = false;
}

void DestinationQueues::Arrived(DestinationId destination, base::SteadyTime now) {
  Queue& queue = Of(destination);
  assert(queue.awaited > 0);
  --queue.awaited;
  Moved(queue, now);
  queue.idle = Idle(queue);
}

uint32_t DestinationQueues::Suspect(const Destinations& ways) {
  return ++Make(ways.first, ways.topic).suspicions;
}

bool DestinationQueues::Suspected(DestinationId destination) const {
  const auto found = queues_.find(destination);
  return found != queues_.end() && found->second.suspicions > 0;
}

void DestinationQueues::GivenUp(DestinationId destination, bool proven) {
  const auto found = queues_.find(destination);
  if (found != queues_.end() && (proven || Idle(found->second))) found->second.suspicions = 0;
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
    if (queue.idle || queue.outdated || now - queue.moved_at < time) continue;
    if (delivered_ - queue.delivered_then >= enough) stuck.push_back(id);
  }
  return stuck;
}

bool DestinationQueues::MayLeave(const Queue& queue, base::SteadyTime now) const {
  if (queue.entries.empty() || queue.awaited > 0) return false;
  if (queue.suspicions > 0) return queue.in_flight == 0 && now >= queue.not_before;
  if (queue.entries.front().group_max > 0 && queue.in_flight > 0) return false;
  return HasRoom(queue, now);
}

bool DestinationQueues::HasRoom(const Queue& queue, base::SteadyTime now) const {
  if (queue.group_is_out || queue.suspicions > 0) return false;
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

// The newest shows soonest that what comes now is taken; any of the others may be a good one behind bad ones.
void DestinationQueues::Probe(Queue& queue, base::SteadyTime now, std::vector<Departure>& departures) {
  constexpr size_t kSpread = 2'654'435'761;  // D. Knuth, "The Art of Computer Programming", vol. 3, 6.4
  const size_t size = queue.entries.size();
  const size_t at = queue.probes % 2 == 0 ? size - 1 : queue.probes * kSpread % size;
  ++queue.probes;
  const Entry& wanted = queue.entries[at];
  auto chosen = std::ranges::find_if(
      queue.entries, [&](const Entry& entry) { return entry.key_hash == wanted.key_hash && !entry.refused; });
  if (chosen == queue.entries.end()) chosen = queue.entries.begin() + static_cast<std::ptrdiff_t>(at);
  Depart(queue, *chosen, 1, now, departures);
  queue.entries.erase(chosen);
}

void DestinationQueues::TakeDepartures(base::SteadyTime now, size_t max, std::vector<Departure>& departures) {
  TakeAsides(now);
  const size_t queues = with_entries_.size();
  const size_t end = departures.size() + max;
  for (size_t i = 0; i < queues && departures.size() < end; ++i) {
    Queue& queue = *with_entries_[(next_ + i) % queues];
    while (departures.size() < end && MayLeave(queue, now)) {
      if (queue.suspicions > 0) {
        Probe(queue, now, departures);
      } else if (queue.entries.front().group_max > 0) {
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
  for (auto& [topic, free] : free_) TakeFree(free, end - departures.size(), now, departures);
}

void DestinationQueues::TakeFree(FreeQueue& free, size_t max, base::SteadyTime now,
                                 std::vector<Departure>& departures) {
  if (free.entries.empty()) return;
  ++free.way;
  for (; max > 0 && !free.entries.empty(); --max) {
    Queue* const queue = ChooseWay(free, now);
    if (queue == nullptr) return;
    Depart(*queue, free.entries.front(), 0, now, departures);
    free.entries.pop_front();
  }
}

// Null: neither of the two that are looked at has room now.
DestinationQueues::Queue* DestinationQueues::ChooseWay(FreeQueue& free, base::SteadyTime now) {
  const Destinations& ways = free.ways;
  const auto load = [](const Queue& queue) { return queue.entries.size() + queue.in_flight; };
  Queue& present = Make(ways.first + free.way % ways.count, ways.topic);
  const uint32_t next = free.way + 1 + free.other++ % (ways.count - 1);
  Queue& other = Make(ways.first + next % ways.count, ways.topic);
  const bool may_go_on = present.entries.empty() && HasRoom(present, now);
  const bool may_change = other.entries.empty() && HasRoom(other, now);
  if (may_go_on && (!may_change || load(present) <= load(other) + kUnevenMax)) return &present;
  if (!may_change) return nullptr;
  free.way = next;
  return &other;
}

std::optional<base::SteadyTime> DestinationQueues::NextDeparture() const {
  std::optional<base::SteadyTime> next;
  if (!asides_.empty()) next = asides_.front().due;
  for (const Queue* queue : with_entries_) {
    if ((!queue->held && queue->suspicions == 0) || queue->in_flight + queue->awaited > 0) continue;
    next = next ? std::min(*next, queue->not_before) : queue->not_before;
  }
  return next;
}

size_t DestinationQueues::ReportsWorthALook() const {
  size_t reports = 0;
  const auto take = [&reports](size_t worth) { reports = reports == 0 ? worth : std::min(reports, worth); };
  for (const Queue* queue : with_entries_) {
    const size_t out = queue->in_flight + queue->awaited;
    if (queue->entries.empty() || out == 0) continue;
    const bool all = queue->held || queue->group_is_out || queue->awaited > 0 || queue->suspicions > 0 ||
                     queue->entries.front().group_max > 0;
    take(all ? out : (out + kShare - 1) / kShare);
  }
  for (const auto& [topic, free] : free_) {
    if (free.entries.empty()) continue;
    for (uint32_t way = 0; way < free.ways.count; ++way) {
      const auto queue = queues_.find(free.ways.first + way);
      if (queue == queues_.end() || queue->second.in_flight == 0) continue;
      take((queue->second.in_flight + kShare - 1) / kShare);
    }
  }
  return reports;
}

}  // namespace ei::app
