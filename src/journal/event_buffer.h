#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "journal/journal.h"

namespace ei {

// The event whose bytes begin at `data`, with views into them. `Parts` says where its parts are in them, as
// EventSlices does.
template <typename Parts>
JournalEvent EventAt(const char* data, const Parts& parts) {
  JournalEvent event;
  event.value = {data, parts.value_size};
  event.has_key = parts.key_offset != Parts::kNoKey;
  if (event.has_key) event.key = {data + parts.key_offset, parts.key_size};
  const char* const trace = data + parts.size - parts.trace_size;
  event.topic = {trace - parts.topic_size, parts.topic_size};
  event.traceparent = {trace, parts.trace_size};
  event.key_hash = parts.key_hash;
  event.held_bytes = static_cast<uint32_t>(parts.size + kEventOverheadBytes);
  return event;
}

// Memory for the bytes of events, until all of them are taken.
class EventBlock {
 public:
  static constexpr size_t kBytes = 256 << 10;  // a larger event has a block of its own

  // `held` counts the memory of all blocks in use; it outlives them.
  EventBlock(size_t bytes, std::atomic<uint64_t>& held);
  ~EventBlock();
  EventBlock(const EventBlock&) = delete;
  EventBlock& operator=(const EventBlock&) = delete;

  size_t Capacity() const { return capacity_; }
  size_t Left() const { return capacity_ - used_; }
  // Room for `bytes` more, which must be there.
  char* Take(size_t bytes);
  // Nothing points into it any more: it counts as no memory until it is used again.
  void Retire();
  void Reuse();

 private:
  const std::unique_ptr<char[]> data_;
  const size_t capacity_;
  size_t used_ = 0;
  bool retired_ = false;
  std::atomic<uint64_t>& held_;
};

// In `block` if it has the room, else in a new one in its place.
char* RoomIn(std::shared_ptr<EventBlock>& block, size_t bytes, std::atomic<uint64_t>& held);

// The events of a journal that wait to be taken, by lane. Not thread-safe.
class EventBuffer {
 public:
  // `held`: see EventBlock.
  EventBuffer(size_t lanes, std::atomic<uint64_t>& held) : held_(held), lanes_(lanes) {}

  // Room in the block that is being filled.
  char* Room(size_t bytes);
  const std::shared_ptr<EventBlock>& Filling() const { return filling_; }

  // Behind the others of its lane; its bytes stand in `block`. Sets the lane's bit (i % 64) where it was
  // empty.
  void Add(const JournalEvent& event, const std::shared_ptr<EventBlock>& block, uint64_t& filled_lanes);

  // The oldest ones of the lane. What was taken before ends.
  size_t Take(size_t lane, std::span<JournalEvent> out);

  size_t Lanes() const { return lanes_.size(); }

 private:
  // Of kPageEvents events. A lane has as many as it needs: what grows as a whole would need twice the memory
  // at times.
  using Page = std::unique_ptr<JournalEvent[]>;

  struct Lane {
    // The block of all events up to this number of the lane.
    struct Use {
      std::shared_ptr<EventBlock> block;
      uint64_t end;
    };
    std::deque<Page> pages;  // the event with the number n is the n % kPageEvents-th of its page
    std::deque<Use> uses;
    uint64_t added = 0;
    uint64_t taken = 0;
  };

  Page NewPage();
  void LetGo(Page page);
  void LetGo(std::shared_ptr<EventBlock> block);

  std::atomic<uint64_t>& held_;
  std::vector<Lane> lanes_;
  std::shared_ptr<EventBlock> filling_;
  // So that a steady load allocates nothing.
  std::vector<std::shared_ptr<EventBlock>> spare_;
  std::vector<Page> spare_pages_;
};

// Calls wake(lane) for each lane whose bit is set.
template <typename Wake>
void WakeLanes(uint64_t filled_lanes, size_t lanes, const Wake& wake) {
  for (size_t lane = 0; filled_lanes != 0 && lane < lanes; ++lane) {
    if (filled_lanes >> (lane % 64) & 1) wake(lane);
  }
}

}  // namespace ei
