#include "journal/remembered_ids.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace ei {

namespace {

constexpr int kTooOldMax = 1'000;  // expired entries that one request drops; takes some tens of microseconds

}  // namespace

RememberedIds::RememberedIds(const Options& options)
    : events_max_(options.events_max),
      seconds_(std::chrono::ceil<std::chrono::seconds>(options.time).count()),
      capacity_(options.events_max + options.request_events_max),
      heads_(std::bit_ceil(capacity_), kNone) {
  assert(events_max_ > 0 && capacity_ < kNone);
  entries_.reserve(capacity_);
}

void RememberedIds::Begin(base::SteadyTime now) {
  DropNoted();
  now_ = std::max(now_, SecondOf(now));
  for (int dropped = 0; dropped < kTooOldMax && size_ > 0 && IsTooOld(At(0)); ++dropped) DropFront();
}

namespace {

bool AreSameBytes(uint64_t a, uint64_t b) {
  return a == b || a == RememberedIds::kAnyBytes || b == RememberedIds::kAnyBytes;
}

}  // namespace

// The entries with one id are in one chain, the newest first. Their number is bounded, since a client may
// send an id with different bytes any number of times.
RememberedIds::Finding RememberedIds::FindOrNote(const base::Hash128& id, uint64_t fingerprint,
                                                 uint64_t number) {
  uint32_t& head = HeadOf(id);
  uint32_t others = 0;
  for (uint32_t slot = head; slot != kNone; slot = entries_[slot].next) {
    Entry& entry = entries_[slot];
    if (entry.id != id) continue;
    if (IsTooOld(entry)) {
      Forget(entry);
      break;
    }
    if (AreSameBytes(entry.fingerprint, fingerprint)) {
      const uint64_t place = (slot >= front_ ? slot : slot + capacity_) - front_;
      return {Known{entry.Position(), entry.Is(kDelivered), place >= size_ - noted_}};
    }
    if (++others == kBytesOfOneIdMax) {
      Forget(entry);
      break;
    }
  }
  assert(size_ < capacity_);
  const uint32_t slot = SlotOf(size_);
  if (slot == entries_.size()) entries_.emplace_back();
  entries_[slot] = {id, fingerprint, number, now_, head};
  head = slot;
  ++size_;
  ++noted_;
  return {std::nullopt, others > 0};
}

void RememberedIds::Confirm(uint64_t first) {
  for (; noted_ > 0; --noted_) At(size_ - noted_).marked_position += first;
  while (size_ > events_max_) DropFront();
}

void RememberedIds::MarkDelivered(uint64_t position) {
  if (Entry* const entry = Find(position)) entry->marked_position |= kDelivered;
}

void RememberedIds::Forget(uint64_t position) {
  if (Entry* const entry = Find(position)) Forget(*entry);
}

void RememberedIds::Forget(Entry& entry) {
  if (entry.Is(kForgotten)) return;
  Unlink(static_cast<uint32_t>(&entry - entries_.data()));
  entry.marked_position |= kForgotten;
}

// Positions ascend along the ring. So an entry is at most as many places behind another as its position is
// above the other's; it is exactly there as long as clients send ids with all of their events.
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

// Signed: a previous process may have accepted events before the machine's start, where the steady clock
// begins.
int32_t RememberedIds::SecondOf(base::SteadyTime time) {
  constexpr int64_t kLatest = std::numeric_limits<int32_t>::max();
  const int64_t second = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  return static_cast<int32_t>(std::clamp<int64_t>(second, kLongAgo, kLatest));
}

bool RememberedIds::IsTooOld(const Entry& entry) const { return int64_t{now_} - entry.second > seconds_; }

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
    if (!At(size_).Is(kForgotten)) Unlink(SlotOf(size_));
  }
}

}  // namespace ei
