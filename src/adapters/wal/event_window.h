#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "adapters/wal/wal_format.h"
#include "base/time.h"
#include "journal/event_buffer.h"
#include "journal/journal.h"
#include "journal/unsettled_ages.h"

namespace ei::wal {

// The event at `position` whose bytes this process encoded. Its views point into `bytes`.
JournalEvent EventOf(uint64_t position, const char* bytes, const IndexEntry& entry,
                     base::SteadyTime accepted_at);

// The same for a sound event (IsSoundEvent) that was read from the disk. An invalid traceparent or client
// name in it is dropped, and the key's hash is computed again. `frame_topic` is used if the event names no
// topic; it must live as long as `bytes`.
JournalEvent EventFromDisk(uint64_t position, const char* bytes, const IndexEntry& entry,
                           base::SteadyTime accepted_at, std::string_view frame_topic);

// The events in memory: those that wait to be taken, and those that are taken but not settled, whose bytes
// the sink holds. Not thread-safe.
class EventWindow {
 public:
  // `block_bytes` counts the memory of all blocks and must outlive the window.
  EventWindow(size_t lanes, std::atomic<uint64_t>& block_bytes)
      : block_bytes_(block_bytes), buffer_(lanes, block_bytes) {}

  // See EventBuffer.
  char* Room(size_t bytes) { return buffer_.Room(bytes); }
  const std::shared_ptr<EventBlock>& Filling() const { return buffer_.Filling(); }

  // Adds events behind the existing ones; their bytes are stored in `block`. Sets the bit of each lane (lane
  // % 64) that was empty before.
  void Add(std::span<const JournalEvent> events, const std::shared_ptr<EventBlock>& block,
           uint64_t& filled_lanes);

  size_t Take(size_t lane, std::span<JournalEvent> out);

  // The events must have been taken before.
  void Settle(const SettledEvents& settled);

  uint64_t Events() const { return events_; }
  // Memory of the blocks and of the taken events.
  uint64_t Bytes() const { return block_bytes_.load(std::memory_order_relaxed) + taken_bytes_; }
  std::optional<base::SteadyTime> Oldest() const { return ages_.Oldest(); }

 private:
  const std::atomic<uint64_t>& block_bytes_;
  EventBuffer buffer_;
  UnsettledAges ages_;
  uint64_t events_ = 0;
  uint64_t taken_bytes_ = 0;
};

}  // namespace ei::wal
