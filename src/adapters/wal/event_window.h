#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <boost/circular_buffer.hpp>

#include "adapters/wal/wal_format.h"
#include "app/kept_events.h"
#include "app/ports/journal.h"
#include "base/time.h"

namespace ei::wal {

// Memory for the bytes of events. It lives as long as something of it is on its way to the disk, waits in a
// lane, or was taken and is not settled.
struct Block {
  Block(size_t bytes, std::atomic<uint64_t>& held);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  size_t Left() const { return capacity - used; }
  // Room for `bytes` more, which must be there.
  char* Take(size_t bytes);

  const std::unique_ptr<char[]> data;
  const size_t capacity;
  size_t used = 0;

 private:
  std::atomic<uint64_t>& held_;  // memory of all blocks
};

// `block` if it has the room, else a new one in its place.
char* TakeRoom(std::shared_ptr<Block>& block, size_t bytes, std::atomic<uint64_t>& held);

// Of an event that this process encoded.
app::JournalEvent EventOf(uint64_t position, const char* bytes, const IndexEntry& entry,
                          base::SteadyTime accepted_at);

// Of a sound event (IsSoundEvent) that was read from the disk: what its entry says beyond the sums is not
// believed. `frame_topic`: its topic, if it names none itself; lives as long as `bytes`.
app::JournalEvent EventFromDisk(uint64_t position, const char* bytes, const IndexEntry& entry,
                                base::SteadyTime accepted_at, std::string_view frame_topic);

// The events that are in memory, by lane and in the order of their positions. Not thread-safe.
class EventWindow {
 public:
  explicit EventWindow(size_t lanes) : lanes_(lanes) {}

  // Behind all events that are there; their bytes stand in `block`. Sets the bit of each lane (i % 64) that
  // was empty.
  void Add(std::span<const app::JournalEvent> events, const std::shared_ptr<Block>& block,
           uint64_t& filled_lanes);

  size_t Take(size_t lane, std::span<app::JournalEvent> out);

  // See Journal. They leave the blocks, and count no longer in Events() but in KeptBytes().
  void Compact(std::span<app::JournalEvent> events);

  // Each was taken, and is settled for the first time.
  void Settle(std::span<const uint64_t> positions);

  uint64_t Events() const { return events_; }  // waiting or taken, in blocks
  uint64_t KeptBytes() const { return kept_.Bytes() + kept_.Size() * app::kEventOverheadBytes; }
  std::optional<base::SteadyTime> Oldest() const;
  size_t Lanes() const { return lanes_.size(); }

 private:
  // Events whose bytes stand in one block, in the order of their positions.
  struct Extent {
    uint64_t first_position;
    uint64_t end;
    uint64_t unsettled;
    std::shared_ptr<Block> block;
    base::SteadyTime accepted_at;  // of its first event
  };

  // `guess`: where it probably is.
  size_t ExtentOf(uint64_t position, size_t guess) const;
  void LeaveExtent(size_t index);

  std::vector<boost::circular_buffer<app::JournalEvent>> lanes_;
  std::deque<Extent> extents_;
  app::KeptEvents kept_;
  uint64_t events_ = 0;
};

}  // namespace ei::wal
