#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::wal {

// Batches that were sent and are not settled, in the order in which they were noted. A position is in at most
// one of them. Not thread-safe.
//
// A hash table with open addressing maps positions to batches. Entries are never erased: an entry whose batch
// was removed is ignored, and disappears when the table is rebuilt, at the latest when it is half full. So
// adding and removing a batch costs a few nanoseconds for each event.
class SentBatches {
 public:
  struct Batch {
    std::vector<uint64_t> positions;  // ascending; empty: the batch was removed
    std::string stamp;
    uint64_t source = 0;   // set by the caller: identifies where it was noted
    uint64_t settled = 0;  // set by the caller: how many positions are known to be settled
  };

  // Adds a batch; `positions` are ascending and not empty. Existing batches that have any of these positions
  // are removed. The reference is valid until the next Add.
  Batch& Add(std::span<const uint64_t> positions, std::string_view stamp);

  // The batch that contains the position; null: none does.
  Batch* At(uint64_t position);

  void Remove(Batch& batch);

  uint64_t Positions() const { return positions_; }  // positions of all batches
  uint64_t StampsBytes() const { return stamps_bytes_; }

  // Visits all batches in order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Batch& batch : batches_) {
      if (!batch.positions.empty()) visit(batch);
    }
  }

 private:
  struct Entry {
    uint64_t position = 0;
    uint64_t batch = 0;  // its serial number; 0: the entry is free
  };

  Entry& Find(uint64_t position);  // the position's entry, or the free one where it belongs
  Batch* Get(uint64_t serial);     // null: it was removed
  void MakeRoom(uint64_t positions);

  std::deque<Batch> batches_;
  uint64_t first_ = 1;          // serial number of batches_.front()
  std::vector<Entry> entries_;  // the size is a power of two
  uint64_t used_ = 0;           // number of entries that are not free
  uint64_t positions_ = 0;
  uint64_t stamps_bytes_ = 0;
};

}  // namespace ei::wal
