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
  bool damaged = false;    // something that was read of it has a wrong sum, and events are lost for it
  uint64_t unsettled = 0;  // of its events
  // At or after the acceptance of its last event; not known of the newest.
  base::SteadyTime filled_at = base::SteadyTime::max();
  ClientHoldings holdings = {};  // whose its events are, until all that it holds is settled
};

// The segments that hold events, and how many of each one's events are not settled. A segment's positions go
// up to the first one of the next segment, so those that are missing between two files are the first one's.
// There may be hundreds of thousands: nothing here walks through all of them, but Recover and Headers.
// Files stay closed. Not thread-safe.
class SegmentTable {
 public:
  // Sorts as positions and numbers both do. Two segments begin at the same position while the newest commit
  // is written a second time, before its old segment is gone.
  struct Key {
    uint64_t first_position = 0;
    uint64_t number = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  // What a start found, by number: positions don't go back from one to the next. The log ends at `end`.
  void Recover(std::span<const SegmentHeader> found, SettledMap settled, uint64_t end, base::SteadyTime now);

  // The log goes on in a new segment, from End() or, when the newest commit is written again, from its first
  // position on. Valid until the next Begin.
  Segment& Begin(const SegmentHeader& header, base::SteadyTime now);

  // More events at the end, in the segment that was begun.
  void Append(uint64_t events);

  // Positions from `begin` to `end` - 1 need nothing more. Returns how many of them needed something yet.
  uint64_t Settle(uint64_t begin, uint64_t end);

  void Remove(const Key& key);

  uint64_t End() const { return end_; }              // of positions
  uint64_t Unsettled() const { return unsettled_; }  // events
  uint64_t Bytes() const { return bytes_; }          // of all segments' files
  const SettledMap& Settled() const { return settled_; }

  std::optional<SegmentHeader> Oldest() const;
  // The segment that a position belongs to; null: it is gone, and so is all before it.
  const Segment* At(uint64_t position) const;
  Segment* Find(const Key& key);
  Segment* Newest() { return segments_.empty() ? nullptr : &segments_.rbegin()->second; }
  uint64_t NewestBytes() const {
    return segments_.empty() ? 0 : segments_.rbegin()->second.header.segment_bytes;
  }
  // One past the positions of a segment that is there.
  uint64_t EndOf(const Key& key) const;

  // Those that are filled and need nothing more, in order.
  const std::set<Key>& Done() const { return done_; }
  // Those that came to it since the last call.
  std::vector<Key> TakeNewlyDone();

  // All, by number.
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
  Segments::iterator open_ = segments_.end();   // being filled
  Segments::iterator guess_ = segments_.end();  // where the last position was that was looked for
  std::set<Key> done_;
  std::vector<Key> newly_done_;
};

inline SegmentTable::Key KeyOf(const SegmentHeader& header) {
  return {.first_position = header.first_position, .number = header.number};
}

}  // namespace ei::wal
