#include "app/remembered_ids.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace ei::app {

namespace {

using Tick = std::chrono::milliseconds;

}  // namespace

RememberedIds::RememberedIds(const Options& options)
    : events_max_(options.events_max),
      time_(std::min(options.time, kTimeMax)),
      capacity_(options.events_max + options.request_events_max),
      heads_(std::bit_ceil(capacity_), kNone) {
  assert(events_max_ > 0 && capacity_ < kNone);
  entries_.reserve(capacity_);
}

void RememberedIds::Begin(base::SteadyTime now) {
  DropNoted();
  now = std::max(now, now_);
  // What is left after the last Begin was no older than time_ then. So unless all is too old now, no age is
  // above twice that, which ticks can tell.
  const bool all_too_old = now - now_ >= time_;
  now_ = now;
  const uint32_t tick = TickOf(now);
  while (size_ > 0 && (all_too_old || Tick(tick - At(0).tick) >= time_)) DropFront();
}

std::optional<RememberedIds::Known> RememberedIds::FindOrNote(const base::Hash128& id, uint64_t number) {
  uint32_t& head = HeadOf(id);
  for (uint32_t slot = head; slot != kNone; slot = entries_[slot].next) {
    const Entry& entry = entries_[slot];
    if (entry.id != id) continue;
    const uint64_t place = (slot >= front_ ? slot : slot + capacity_) - front_;
    return Known{entry.Position(), entry.Is(kDelivered), place >= size_ - noted_};
  }
  assert(size_ < capacity_);
  const uint32_t slot = SlotOf(size_);
  if (slot == entries_.size()) entries_.emplace_back();
  entries_[slot] = {id, number, TickOf(now_), head};
  head = slot;
  ++size_;
  ++noted_;
  return std::nullopt;
}

void RememberedIds::Confirm(uint64_t first) {
  for (; noted_ > 0; --noted_) At(size_ - noted_).marked_position += first;
  while (size_ > events_max_) DropFront();
}

void RememberedIds::MarkDelivered(uint64_t position) {
  if (Entry* const entry = Find(position)) entry->marked_position |= kDelivered;
}

void RememberedIds::Forget(uint64_t position) {
  Entry* const entry = Find(position);
  if (entry == nullptr || entry->Is(kForgotten)) return;
  Unlink(static_cast<uint32_t>(entry - entries_.data()));
  entry->marked_position |= kForgotten;
}

// Positions rise along the ring, so an entry is at most as many places behind another as its position is;
// exactly there as long as clients name all of their events.
RememberedIds::Entry* RememberedIds::Find(uint64_t position) {
  const uint64_t size = Size();
  if (size == 0 || position < At(0).Position()) return nullptr;
  uint64_t low = 0;
  uint64_t high = std::min(position - At(0).Position(), size - 1);
  if (At(high).Position() == position) return &At(high);
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (At(middle).Position() < position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return At(low).Position() == position ? &At(low) : nullptr;
}

uint32_t RememberedIds::TickOf(base::SteadyTime time) const {
  return static_cast<uint32_t>(std::chrono::floor<Tick>(time.time_since_epoch()).count());
}

uint32_t RememberedIds::SlotOf(uint64_t place) const {
  const uint64_t slot = front_ + place;
  return static_cast<uint32_t>(slot < capacity_ ? slot : slot - capacity_);
}

void RememberedIds::Unlink(uint32_t slot) {
  uint32_t* link = &HeadOf(entries_[slot].id);
  while (*link != slot) link = &entries_[*link].next;
  *link = entries_[slot].next;
}

void RememberedIds::DropFront() {
  if (!entries_[front_].Is(kForgotten)) Unlink(front_);
  front_ = SlotOf(1);
  --size_;
}

void RememberedIds::DropNoted() {
  for (; noted_ > 0; --noted_) {
    --size_;
    Unlink(SlotOf(size_));
  }
}

}  // namespace ei::app
