#include "journal/event_buffer.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace ei {

namespace {

constexpr size_t kPageEvents = 256;
constexpr size_t kSpareBlocksMax = 16;
constexpr size_t kSparePagesMax = 64;

}  // namespace

EventBlock::EventBlock(size_t bytes, std::atomic<uint64_t>& held)
    : data_(std::make_unique_for_overwrite<char[]>(bytes)), capacity_(bytes), held_(held) {
  held_.fetch_add(capacity_, std::memory_order_relaxed);
}

EventBlock::~EventBlock() {
  if (!retired_) held_.fetch_sub(capacity_, std::memory_order_relaxed);
}

void EventBlock::Retire() {
  used_ = 0;
  retired_ = true;
  held_.fetch_sub(capacity_, std::memory_order_relaxed);
}

void EventBlock::Reuse() {
  retired_ = false;
  held_.fetch_add(capacity_, std::memory_order_relaxed);
}

char* EventBlock::Take(size_t bytes) {
  assert(bytes <= Left());
  char* const room = data_.get() + used_;
  used_ += bytes;
  return room;
}

char* RoomIn(std::shared_ptr<EventBlock>& block, size_t bytes, std::atomic<uint64_t>& held) {
  if (block == nullptr || block->Left() < bytes) {
    block = std::make_shared<EventBlock>(std::max(EventBlock::kBytes, bytes), held);
  }
  return block->Take(bytes);
}

char* EventBuffer::Room(size_t bytes) {
  if (filling_ != nullptr && filling_->Left() >= bytes) return filling_->Take(bytes);
  Release(std::move(filling_));
  if (bytes <= EventBlock::kBytes && !spare_.empty()) {
    filling_ = std::move(spare_.back());
    spare_.pop_back();
    filling_->Reuse();
    return filling_->Take(bytes);
  }
  filling_ = nullptr;
  return RoomIn(filling_, bytes, held_);
}

void EventBuffer::Add(const JournalEvent& event, const std::shared_ptr<EventBlock>& block,
                      uint64_t& filled_lanes) {
  const size_t number = (event.has_key ? event.key_hash : event.position) % lanes_.size();
  Lane& lane = lanes_[number];
  if (lane.added == lane.taken) filled_lanes |= uint64_t{1} << (number % 64);
  if (lane.added % kPageEvents == 0) lane.pages.push_back(NewPage());
  lane.pages.back()[lane.added % kPageEvents] = event;
  ++lane.added;
  if (lane.uses.empty() || lane.uses.back().block != block) {
    lane.uses.push_back({block, lane.added});
  } else {
    lane.uses.back().end = lane.added;
  }
}

size_t EventBuffer::Take(size_t number, std::span<JournalEvent> out) {
  Lane& lane = lanes_[number];
  while (!lane.uses.empty() && lane.uses.front().end <= lane.taken) {
    Release(std::move(lane.uses.front().block));
    lane.uses.pop_front();
  }
  const size_t count = std::min<uint64_t>(out.size(), lane.added - lane.taken);
  for (auto left = out.first(count); !left.empty();) {
    const size_t from = lane.taken % kPageEvents;
    const size_t some = std::min(left.size(), kPageEvents - from);
    std::copy_n(lane.pages.front().get() + from, some, left.begin());
    left = left.subspan(some);
    lane.taken += some;
    if (from + some == kPageEvents) {
      Release(std::move(lane.pages.front()));
      lane.pages.pop_front();
    }
  }
  return count;
}

EventBuffer::Page EventBuffer::NewPage() {
  if (spare_pages_.empty()) return std::make_unique_for_overwrite<JournalEvent[]>(kPageEvents);
  Page page = std::move(spare_pages_.back());
  spare_pages_.pop_back();
  return page;
}

void EventBuffer::Release(Page page) {
  if (spare_pages_.size() < kSparePagesMax) spare_pages_.push_back(std::move(page));
}

// Keeps the block for reuse if this is the last reference to it.
void EventBuffer::Release(std::shared_ptr<EventBlock> block) {
  if (block.use_count() != 1 || block->Capacity() != EventBlock::kBytes || spare_.size() == kSpareBlocksMax) {
    return;
  }
  block->Retire();
  spare_.push_back(std::move(block));
}

}  // namespace ei
