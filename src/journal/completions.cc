#include "journal/completions.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace ei {

namespace {

constexpr size_t kGoneMin = 64;  // fewer finished ranges are not swept

size_t AwaitedEarlier(const AppendRequest& request) {
  return request.dedup == nullptr ? 0 : request.dedup->awaited.size();
}

}  // namespace

const EventBatch& Completions::Fresh(const AppendRequest& request, base::SteadyTime now) {
  if (options_.window == nullptr || request.dedup == nullptr) return request.batch;
  return options_.window->FindRepeats(now, request.batch, *request.dedup) ? request.dedup->fresh
                                                                          : request.batch;
}

std::optional<AppendResult> Completions::Refuses(const AppendRequest& request, size_t fresh) const {
  const uint64_t awaited = awaited_events_.load(std::memory_order_relaxed);
  if (request.ack != AckLevel::kBroker || awaited == 0) return std::nullopt;
  const size_t count = fresh + AwaitedEarlier(request);
  if (count == 0) return std::nullopt;
  if (options_.shares != nullptr &&
      !options_.shares->Allows(request.batch.Client(), Shared::kAwaitedEvents, count)) {
    return AppendResult::kOverShare;
  }
  if (awaited + count > options_.awaited_events_max) return AppendResult::kFull;
  return std::nullopt;
}

uint64_t Completions::Enter(const AppendRequest& request, size_t fresh, uint64_t end, uint64_t durable_end) {
  uint64_t end_of_all = fresh > 0 ? end : 0;
  if (options_.window != nullptr && request.dedup != nullptr) {
    options_.window->Confirm(end - fresh);
    end_of_all = std::max(end_of_all, request.dedup->earlier_end);
  }
  if (request.ack == AckLevel::kWal && end_of_all > durable_end) {
    AwaitDurable(*request.waiter, end_of_all);
  } else if (request.ack == AckLevel::kBroker && fresh + AwaitedEarlier(request) > 0) {
    AwaitResults(*request.waiter, request, fresh, end);
  }
  return end_of_all;
}

void Completions::Begin(Waiter& waiter, uint64_t durable_end) {
  assert(!waiter.waits_);
  waiter.waits_ = waiter.in_journal_ = true;
  waiter.storage_failed_ = false;
  waiter.durable_end_ = durable_end;
}

// The waiter nearly always belongs at the end. A request that consists only of repeats may wait for less than
// others do.
void Completions::AwaitDurable(Waiter& waiter, uint64_t end) {
  Begin(waiter, end);
  auto at = for_durable_.end();
  while (at != for_durable_.begin() && std::prev(at)->durable_end_ > end) --at;
  for_durable_.insert(at, waiter);
}

void Completions::AwaitResults(Waiter& waiter, const AppendRequest& request, size_t fresh, uint64_t end) {
  Begin(waiter, 0);
  const size_t count = fresh + AwaitedEarlier(request);
  waiter.results_.assign(count, DeliveryResult());
  waiter.first_ = end - fresh;
  waiter.own_ = fresh;
  waiter.left_ = count;
  waiter.client_ = request.batch.Client();
  if (fresh > 0) ranges_.push_back({waiter.first_, end, &waiter});
  waiter.earlier_.clear();
  for (size_t i = fresh; i < count; ++i) {
    const uint64_t position = request.dedup->awaited[i - fresh];
    waiter.earlier_.push_back(earlier_.emplace(position, AwaitedEvent{&waiter, i}));
  }
  awaited_events_.fetch_add(count, std::memory_order_relaxed);
  if (options_.shares != nullptr) options_.shares->Take(waiter.client_, Shared::kAwaitedEvents, count);
}

// The wait is over. From here on the waiter belongs to its queue.
void Completions::Complete(Waiter& waiter, DueWakes& wakes) {
  waiter.in_journal_ = false;
  const std::shared_ptr<CompletionQueue>& queue = waiter.queue_;
  if (queue->Push(waiter)) wakes.Add(queue);
}

void Completions::MoveDurableEnd(uint64_t durable_end, DueWakes& wakes) {
  while (!for_durable_.empty() && for_durable_.front().durable_end_ <= durable_end) {
    Waiter& waiter = for_durable_.front();
    for_durable_.pop_front();
    Complete(waiter, wakes);
  }
}

void Completions::Fail(uint64_t durable_end, DueWakes& wakes) {
  while (!for_durable_.empty()) {
    Waiter& waiter = for_durable_.front();
    for_durable_.pop_front();
    waiter.storage_failed_ = true;
    Complete(waiter, wakes);
  }
  for (const Range& range : std::vector(ranges_)) {
    if (range.waiter != nullptr && range.end > durable_end) FailDelivery(*range.waiter, wakes);
  }
  for (auto it = earlier_.lower_bound(durable_end); it != earlier_.end();
       it = earlier_.lower_bound(durable_end)) {
    FailDelivery(*it->second.waiter, wakes);
  }
}

void Completions::FailDelivery(Waiter& waiter, DueWakes& wakes) {
  waiter.storage_failed_ = true;
  EndWait(waiter, 0);
  Complete(waiter, wakes);
}

void Completions::Settle(const SettledEvents& settled, DueWakes& wakes) {
  if (options_.window != nullptr) options_.window->Settle(settled.positions, settled.result.code.empty());
  if (ranges_.empty() && earlier_.empty()) return;
  DeliveryResult result = settled.result;
  size_t at = 0;
  for (const uint64_t position : settled.positions) {
    if (!earlier_.empty()) SettleEarlier(position, result, wakes);
    at = RangeOf(position, at);
    Waiter* const waiter = at == ranges_.size() ? nullptr : ranges_[at].waiter;
    if (waiter != nullptr && RecordResult(*waiter, position - waiter->first_, result)) {
      EndWait(*waiter, at);
      Complete(*waiter, wakes);
      if (ranges_.empty() && earlier_.empty()) return;
    }
    if (at >= ranges_.size()) at = 0;
    if (result.offset >= 0) ++result.offset;
  }
}

void Completions::SettleEarlier(uint64_t position, const DeliveryResult& result, DueWakes& wakes) {
  const auto [first, last] = earlier_.equal_range(position);
  for (auto it = first; it != last; ++it) {
    Waiter& waiter = *it->second.waiter;
    const size_t number = it->second.result;
    waiter.earlier_[number - waiter.own_] = earlier_.end();
    if (!RecordResult(waiter, number, result)) continue;
    EndWait(waiter, 0);
    Complete(waiter, wakes);
  }
  earlier_.erase(first, last);
}

// Returns whether this was the last missing result.
bool Completions::RecordResult(Waiter& waiter, size_t number, const DeliveryResult& result) {
  waiter.results_[number] = result;
  return --waiter.left_ == 0;
}

bool Completions::Forget(Waiter& waiter) {
  if (!std::exchange(waiter.in_journal_, false)) return false;
  if (waiter.durable_end_ > 0) {
    for_durable_.erase(for_durable_.iterator_to(waiter));
  } else {
    EndWait(waiter, 0);
  }
  return true;
}

// Returns ranges_.size() if no request waits for the position. Results come in runs: `hint` is the index that
// was found for the previous one.
size_t Completions::RangeOf(uint64_t position, size_t hint) const {
  const auto holds = [&](size_t i) {
    return i < ranges_.size() && position >= ranges_[i].first && position < ranges_[i].end;
  };
  if (holds(hint)) return hint;
  if (holds(hint + 1)) return hint + 1;
  const auto after = std::ranges::upper_bound(ranges_, position, {}, &Range::first);
  const auto before = static_cast<size_t>(after - ranges_.begin()) - 1;  // wraps around if there is none
  return holds(before) ? before : ranges_.size();
}

// Level broker: removes all references to the waiter. `hint`: see RangeOf.
void Completions::EndWait(Waiter& waiter, size_t hint) {
  const size_t count = waiter.results_.size();
  awaited_events_.fetch_sub(count, std::memory_order_relaxed);
  if (options_.shares != nullptr) options_.shares->Give(waiter.client_, Shared::kAwaitedEvents, count);
  for (auto& awaited : waiter.earlier_) {
    if (awaited != earlier_.end()) earlier_.erase(std::exchange(awaited, earlier_.end()));
  }
  if (waiter.own_ == 0) return;
  const size_t at = RangeOf(waiter.first_, hint);
  assert(at < ranges_.size() && ranges_[at].waiter == &waiter);
  Drop(ranges_[at]);
}

// A sweep when more than half of the ranges are finished costs a few moves for each of them.
void Completions::Drop(Range& range) {
  range.waiter = nullptr;
  if (++gone_ == ranges_.size()) {
    ranges_.clear();
    gone_ = 0;
  } else if (gone_ >= kGoneMin && gone_ > ranges_.size() / 2) {
    std::erase_if(ranges_, [](const Range& each) { return each.waiter == nullptr; });
    gone_ = 0;
  }
}

}  // namespace ei
