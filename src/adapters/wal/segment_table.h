#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "adapters/wal/settled_map.h"
#include "adapters/wal/wal_format.h"
#include "base/time.h"
#include "clients/client_holdings.h"

namespace ei::wal {

struct Segment {
  SegmentHeader header;
  bool damaged = false;    // a checksum in it is wrong, and events are lost
  uint64_t unsettled = 0;  // number of its unsettled events
  // A time at or after the acceptance of its last event; max() for the newest segment.
  base::SteadyTime filled_at = base::SteadyTime::max();
  ClientHoldings holdings = {};  // what each client is charged for it, until all of its events are settled
};

// The segments that hold events, and the number of unsettled events of each. A segment's positions end at the
// first position of the next segment, so positions that are missing between two files belong to the first
// one. There may be hundreds of thousands of segments: only Recover and Headers iterate over all of them. The
// files are not opened here. Not thread-safe.
class SegmentTable {
 public:
  // Ordered by first position, which is also the order of numbers. Two segments begin at the same position
  // while the newest commit is rewritten and its old segment still exists.
  struct Key {
    uint64_t first_position = 0;
    uint64_t number = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  // Initializes the table with the segments that a start found, by number; their positions must not decrease.
  // The log ends at position `end`.
  void Recover(std::span<const SegmentHeader> found, SettledMap settled, uint64_t end, base::SteadyTime now);

  // Begins a new segment at the end of the log: at End() or, if the newest commit is rewritten, at its first
  // position. The reference is valid until the next Begin.
  Segment& Begin(const SegmentHeader& header, base::SteadyTime now);

  // Adds events at the end of the log, in the segment that was begun last.
  void Append(uint64_t events);

  // Marks the positions from `begin` to `end` - 1 as settled. Returns how many of them were not settled
  // before.
  uint64_t Settle(uint64_t begin, uint64_t end);

  void Remove(const Key& key);

  uint64_t End() const { return end_; }              // one past the last position
  uint64_t Unsettled() const { return unsettled_; }  // events
  uint64_t Bytes() const { return bytes_; }          // of all segments' files
  const SettledMap& Settled() const { return settled_; }

  std::optional<SegmentHeader> Oldest() const;
  // The segment that a position belongs to; null: it has been removed, and so have all before it.
  const Segment* At(uint64_t position) const;
  Segment* Find(const Key& key);
  Segment* Newest() { return segments_.empty() ? nullptr : &segments_.rbegin()->second; }
  uint64_t NewestBytes() const {
    return segments_.empty() ? 0 : segments_.rbegin()->second.header.segment_bytes;
  }
  // One past the last position of a segment, which must be in the table.
  uint64_t EndOf(const Key& key) const;

  // The segments that are filled and completely settled, in order.
  const std::set<Key>& Done() const { return done_; }
  // The segments that were added to Done() since the last call.
  std::vector<Key> TakeNewlyDone();

  // The headers of all segments, by number.
  std::vector<SegmentHeader> Headers() const;

 private:
  using Segments = std::map<Key, Segment>;

  Segments::iterator Locate(uint64_t position);
  uint64_t EndOf(Segments::const_iterator segment) const;
  void NoteDone(Segments::const_iterator segment);

  Segments segments_;
  SettledMap settled_;
  uint64_t end_ = 0;
  uint64_t unsettled_ = 0;
  uint64_t bytes_ = 0;
  Segments::iterator open_ = segments_.end();          // the segment being filled
  Segments::iterator last_located_ = segments_.end();  // the segment found by the last Locate
  std::set<Key> done_;
  std::vector<Key> newly_done_;
};

inline SegmentTable::Key KeyOf(const SegmentHeader& header) {
  return {.first_position = header.first_position, .number = header.number};
}

}  // namespace ei::wal
