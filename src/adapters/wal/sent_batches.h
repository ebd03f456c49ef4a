#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::wal {

// Batches that were sent and are not settled, in the order in which they were noted. A position is in one of
// them at the most. Not thread-safe.
//
// A table with open addressing finds a position's batch. Nothing is taken out of it: an entry whose batch is
// gone means nothing, and goes when the table is built anew, which it is at the latest when half full. So a
// batch comes and goes in a few nanoseconds an event.
class SentBatches {
 public:
  struct Batch {
    std::vector<uint64_t> positions;  // rising; empty: it is gone
    std::string stamp;
    uint64_t source = 0;   // the caller's: where it was noted, and
    uint64_t settled = 0;  // of how many positions it knows that they are settled
  };

  // `positions` rise and are not empty. A batch that has any of them is one no more. Valid until the next
  // Add.
  Batch& Add(std::span<const uint64_t> positions, std::string_view stamp);

  // The batch that the position is in; null: in none.
  Batch* At(uint64_t position);

  void Remove(Batch& batch);

  uint64_t Positions() const { return positions_; }  // of all of them
  uint64_t StampsBytes() const { return stamps_bytes_; }

  // In order.
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

  Entry& Find(uint64_t position);  // the position's, or the free one where it belongs
  Batch* Get(uint64_t serial);     // null: it is gone
  void MakeRoom(uint64_t positions);

  std::deque<Batch> batches_;
  uint64_t first_ = 1;          // serial number of the first one
  std::vector<Entry> entries_;  // as many as a power of two
  uint64_t used_ = 0;           // entries
  uint64_t positions_ = 0;
  uint64_t stamps_bytes_ = 0;
};

}  // namespace ei::wal
