#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace ei::wal {

// The set of settled positions: all below one position, and runs above it. There are at most as many runs as
// gaps between them, so never more than there are unsettled events in memory. Not thread-safe.
class SettledMap {
 public:
  explicit SettledMap(uint64_t below = 0) : below_(below) {}

  // Marks the positions from `begin` to `end` - 1; some may be marked already. Returns how many were not.
  uint64_t Mark(uint64_t begin, uint64_t end);

  // A copy with only the lowest `runs` runs.
  SettledMap Lowest(size_t runs) const;

  uint64_t Below() const { return below_; }
  const std::map<uint64_t, uint64_t>& Runs() const {
    return runs_;
  }  // begin -> end, apart, all above Below()

  bool Contains(uint64_t position) const { return Unsettled(position, position + 1) == 0; }
  // Number of positions in the range that are not marked.
  uint64_t Unsettled(uint64_t begin, uint64_t end) const;
  uint64_t FirstUnsettled(uint64_t from) const;  // the lowest unmarked position at or above `from`

  // One past the highest position that Lowest(runs) marks, and one past the highest marked position.
  uint64_t LowestEnd(size_t runs) const;
  uint64_t End() const { return runs_.empty() ? below_ : runs_.rbegin()->second; }

  // The position below which exactly `unsettled` positions are not marked. Each run has at least one unmarked
  // position before it, so Lowest(unsettled) contains everything that is marked below this position, and will
  // also contain everything that is marked there later.
  uint64_t AlwaysLowestEnd(size_t unsettled) const;

 private:
  uint64_t below_;
  std::map<uint64_t, uint64_t> runs_;
};

}  // namespace ei::wal
