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

// Returns the event whose bytes begin at `data`, with views into these bytes. `Parts` has the offsets and
// sizes of the event's parts, named as in EventSlices.
template <typename Parts>
JournalEvent EventAt(const char* data, const Parts& parts) {
  JournalEvent event;
  event.value = {data, parts.value_size};
  event.has_key = parts.key_offset != Parts::kNoKey;
  if (event.has_key) event.key = {data + parts.key_offset, parts.key_size};
  const char* const context = data + parts.size - parts.context_size;
  event.topic = {context - parts.topic_size, parts.topic_size};
  event.context = ReadContext({context, parts.context_size});
  event.key_hash = parts.key_hash;
  event.held_bytes = static_cast<uint32_t>(parts.size + kEventOverheadBytes);
  return event;
}

// A block of memory for the bytes of events. It is kept until all of its events have been taken.
class EventBlock {
 public:
  static constexpr size_t kBytes = 256 << 10;  // a larger event gets its own block

  // `held` counts the bytes of all blocks in use. It must outlive the blocks.
  EventBlock(size_t bytes, std::atomic<uint64_t>& held);
  ~EventBlock();
  EventBlock(const EventBlock&) = delete;
  EventBlock& operator=(const EventBlock&) = delete;

  size_t Capacity() const { return capacity_; }
  size_t Left() const { return capacity_ - used_; }
  // Allocates `bytes` in the block. They must fit: see Left().
  char* Take(size_t bytes);
  // No pointer into the block is left: empties it. Its memory is not counted in `held` until Reuse().
  void Retire();
  void Reuse();

 private:
  const std::unique_ptr<char[]> data_;
  const size_t capacity_;
  size_t used_ = 0;
  bool retired_ = false;
  std::atomic<uint64_t>& held_;
};

// Allocates `bytes` in `block`. If they don't fit, `block` is first replaced by a new block.
char* RoomIn(std::shared_ptr<EventBlock>& block, size_t bytes, std::atomic<uint64_t>& held);

// The events of a journal that have not been taken yet, by lane. Not thread-safe.
class EventBuffer {
 public:
  // `held`: see EventBlock.
  EventBuffer(size_t lanes, std::atomic<uint64_t>& held) : held_(held), lanes_(lanes) {}

  // Allocates `bytes` in the block that is being filled (Filling()).
  char* Room(size_t bytes);
  const std::shared_ptr<EventBlock>& Filling() const { return filling_; }

  // Adds the event at the end of its lane. Its bytes are in `block`. If the lane was empty, sets the lane's
  // bit (i % 64) in `filled_lanes`.
  void Add(const JournalEvent& event, const std::shared_ptr<EventBlock>& block, uint64_t& filled_lanes);

  // Takes the oldest events of the lane, at most out.size(), and returns how many. The views of the lane's
  // previous Take are no longer valid.
  size_t Take(size_t lane, std::span<JournalEvent> out);

  size_t Lanes() const { return lanes_.size(); }

 private:
  // A page holds kPageEvents events, and a lane has as many pages as it needs. An array that grows as a whole
  // would need twice the memory while it grows.
  using Page = std::unique_ptr<JournalEvent[]>;

  struct Lane {
    // The block that holds the lane's events up to the number `end` (exclusive).
    struct Use {
      std::shared_ptr<EventBlock> block;
      uint64_t end;
    };
    std::deque<Page> pages;  // event number n of the lane is entry n % kPageEvents of its page
    std::deque<Use> uses;
    uint64_t added = 0;
    uint64_t taken = 0;
  };

  Page NewPage();
  void Release(Page page);
  void Release(std::shared_ptr<EventBlock> block);

  std::atomic<uint64_t>& held_;
  std::vector<Lane> lanes_;
  std::shared_ptr<EventBlock> filling_;
  // Kept for reuse, so that a steady load allocates nothing.
  std::vector<std::shared_ptr<EventBlock>> spare_;
  std::vector<Page> spare_pages_;
};

// Calls wake(lane) for each lane whose bit (i % 64) is set in `filled_lanes`.
template <typename Wake>
void WakeLanes(uint64_t filled_lanes, size_t lanes, const Wake& wake) {
  for (size_t lane = 0; filled_lanes != 0 && lane < lanes; ++lane) {
    if (filled_lanes >> (lane % 64) & 1) wake(lane);
  }
}

}  // namespace ei
