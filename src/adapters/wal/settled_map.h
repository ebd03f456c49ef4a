#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace ei::wal {

// Which positions need nothing more: all below one, and runs above it. As many runs as there are gaps between
// them, so never more than events in memory that still wait. Not thread-safe.
class SettledMap {
 public:
  explicit SettledMap(uint64_t below = 0) : below_(below) {}

  // Marks from `begin` to `end` - 1; what was marked before may be among them. Returns how many were not.
  uint64_t Mark(uint64_t begin, uint64_t end);

  // The same with the lowest `runs` runs only.
  SettledMap Lowest(size_t runs) const;

  uint64_t Below() const { return below_; }
  const std::map<uint64_t, uint64_t>& Runs() const {
    return runs_;
  }  // begin -> end, apart, all above Below()

  bool Contains(uint64_t position) const { return Unsettled(position, position + 1) == 0; }
  uint64_t Unsettled(uint64_t begin, uint64_t end) const;  // how many of them are not marked
  uint64_t FirstUnsettled(uint64_t from) const;            // at or above `from`

  // One past what Lowest(runs) marks, and past all that is marked.
  uint64_t LowestEnd(size_t runs) const;
  uint64_t End() const { return runs_.empty() ? below_ : runs_.rbegin()->second; }

  // The position that has `unsettled` others below it that are not marked. As each run has one before it,
  // Lowest(unsettled) has all that is marked below, and will have it whatever is marked later.
  uint64_t AlwaysLowestEnd(size_t unsettled) const;

 private:
  uint64_t below_;
  std::map<uint64_t, uint64_t> runs_;
};

}  // namespace ei::wal
