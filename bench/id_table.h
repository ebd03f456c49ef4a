#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ei::bench {

// The ids of a ledger (accepted events) and of a topic (records), each stored once, with the number of its
// records. Exact: ids are compared, not their hashes. An open-addressing table over one arena, about 60 bytes
// per id, so that ten million fit. Used by one thread.
class IdTable {
 public:
  // Holds at most `ids_max` different ids.
  explicit IdTable(std::size_t ids_max);

  // Fails if the table is full or an id is longer than 65,535 bytes.
  base::Result<void> AddAccepted(std::string_view id);
  // Returns true if the id had not arrived before.
  base::Result<bool> AddArrived(std::string_view id);

  struct Comparison {
    std::uint64_t ledger = 0;      // different ids accepted
    std::uint64_t records = 0;     // ids that arrived, including repeats
    std::uint64_t distinct = 0;    // different ids that arrived
    std::uint64_t missing = 0;     // accepted, never arrived
    std::uint64_t duplicates = 0;  // arrivals of an id after its first
    std::uint64_t extra = 0;       // different ids that arrived and were not accepted
  };
  Comparison Compare() const;

  // Up to `limit` missing ids; valid until the table is changed or destroyed.
  std::vector<std::string_view> Missing(std::size_t limit) const;

 private:
  struct Slot {
    std::uint64_t offset = 0;
    std::uint32_t arrived = 0;
    std::uint16_t size = 0;
    bool used = false;
    bool accepted = false;
  };

  std::string_view IdOf(const Slot& slot) const { return {arena_.data() + slot.offset, slot.size}; }
  base::Result<Slot*> FindOrAdd(std::string_view id);
  std::size_t Probe(std::string_view id) const;
  void Grow();

  std::size_t ids_max_;
  std::size_t ids_ = 0;
  std::vector<char> arena_;
  std::vector<Slot> slots_;  // a power of two, at most two thirds used
};

}  // namespace ei::bench
