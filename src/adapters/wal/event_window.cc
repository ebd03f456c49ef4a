#include "adapters/wal/event_window.h"

#include <algorithm>
#include <cassert>

#include "base/murmur2.h"
#include "domain/traceparent.h"

namespace ei::wal {

using app::JournalEvent;

namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr size_t kLaneEventsMin = 256;
constexpr size_t kLaneEventsKept =
    8192;  // in a lane's ring that is empty, so that a steady load allocates nothing

}  // namespace

Block::Block(size_t bytes, std::atomic<uint64_t>& held)
    : data(std::make_unique_for_overwrite<char[]>(bytes)), capacity(bytes), held_(held) {
  held_.fetch_add(capacity, std::memory_order_relaxed);
}

Block::~Block() { held_.fetch_sub(capacity, std::memory_order_relaxed); }

char* Block::Take(size_t bytes) {
  assert(bytes <= Left());
  char* const room = data.get() + used;
  used += bytes;
  return room;
}

char* TakeRoom(std::shared_ptr<Block>& block, size_t bytes, std::atomic<uint64_t>& held) {
  if (block == nullptr || block->Left() < bytes) {
    block = std::make_shared<Block>(std::max(kBlockBytes, bytes), held);
  }
  return block->Take(bytes);
}

JournalEvent EventOf(uint64_t position, const char* bytes, const IndexEntry& entry,
                     base::SteadyTime accepted_at) {
  JournalEvent event;
  event.position = position;
  event.value = {bytes, entry.value_size};
  event.has_key = entry.key_offset != IndexEntry::kNoKey;
  if (event.has_key) event.key = {bytes + entry.key_offset, entry.key_size};
  const char* const trace = bytes + entry.size - entry.trace_size;
  event.topic = {trace - entry.topic_size, entry.topic_size};
  event.traceparent = {trace, entry.trace_size};
  event.key_hash = entry.key_hash;
  event.accepted_at = accepted_at;
  return event;
}

JournalEvent EventFromDisk(uint64_t position, const char* bytes, const IndexEntry& entry,
                           base::SteadyTime accepted_at, std::string_view frame_topic) {
  JournalEvent event = EventOf(position, bytes, entry, accepted_at);
  if (entry.topic_size == 0) event.topic = frame_topic;
  if (!domain::IsTraceparent(event.traceparent)) event.traceparent = {};
  event.key_hash = event.has_key ? base::Murmur2(event.key) : 0;
  return event;
}

void EventWindow::Add(std::span<const JournalEvent> events, const std::shared_ptr<Block>& block,
                      uint64_t& filled_lanes) {
  if (events.empty()) return;
  for (const JournalEvent& event : events) {
    const size_t lane = (event.has_key ? event.key_hash : event.position) % lanes_.size();
    auto& queue = lanes_[lane];
    if (queue.empty()) filled_lanes |= uint64_t{1} << (lane % 64);
    if (queue.full()) queue.set_capacity(std::max(kLaneEventsMin, queue.capacity() * 2));
    queue.push_back(event);
  }
  events_ += events.size();
  const uint64_t end = events.back().position + 1;
  if (!extents_.empty() && extents_.back().block == block) {
    extents_.back().end = end;
    extents_.back().unsettled += events.size();
  } else {
    extents_.push_back({events.front().position, end, events.size(), block, events.front().accepted_at});
  }
}

size_t EventWindow::Take(size_t lane, std::span<JournalEvent> out) {
  auto& queue = lanes_[lane];
  const size_t count = std::min(out.size(), queue.size());
  std::copy_n(queue.begin(), count, out.begin());
  queue.erase_begin(count);
  if (queue.empty() && queue.capacity() > kLaneEventsKept) queue.set_capacity(kLaneEventsKept);
  return count;
}

void EventWindow::Compact(std::span<JournalEvent> events) {
  kept_.Keep(events);
  size_t index = 0;
  for (const JournalEvent& event : events) {
    index = ExtentOf(event.position, index);
    LeaveExtent(index);
  }
}

void EventWindow::Settle(std::span<const uint64_t> positions) {
  size_t index = 0;
  for (const uint64_t position : positions) {
    if (!kept_.Empty() && kept_.Drop(position)) continue;
    index = ExtentOf(position, index);
    LeaveExtent(index);
  }
}

void EventWindow::LeaveExtent(size_t index) {
  assert(extents_[index].unsettled > 0);
  --events_;
  if (--extents_[index].unsettled == 0) extents_.erase(extents_.begin() + static_cast<std::ptrdiff_t>(index));
}

size_t EventWindow::ExtentOf(uint64_t position, size_t guess) const {
  if (guess < extents_.size() && position >= extents_[guess].first_position &&
      position < extents_[guess].end) {
    return guess;
  }
  const auto after =
      std::upper_bound(extents_.begin(), extents_.end(), position,
                       [](uint64_t p, const Extent& extent) { return p < extent.first_position; });
  assert(after != extents_.begin());
  return static_cast<size_t>(after - extents_.begin()) - 1;
}

std::optional<base::SteadyTime> EventWindow::Oldest() const {
  const auto kept = kept_.Oldest();
  if (extents_.empty()) return kept;
  return std::min(extents_.front().accepted_at, kept.value_or(extents_.front().accepted_at));
}

}  // namespace ei::wal
