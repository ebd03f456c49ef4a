#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/sip_hash.h"
#include "base/time.h"

namespace ei::app {

// The ids of the newest events, so many of them and for so long; the older ones are forgotten. An id is known
// by its hash alone.
//
// A ring in the order of acceptance, at whose front ids are forgotten, and a hash table whose chains run
// through the ring. All memory is reserved at once and bounded: kBytesOfId for each id, at most.
//
// The ids of one request are noted first, at the end of the ring, and remembered only once its events have
// their positions: so it finds its own repeats, and one that is refused leaves nothing.
//
// Not thread-safe. Time that goes back counts as standing still.
class RememberedIds {
 public:
  struct Options {
    uint64_t events_max = 1;
    base::Duration time = std::chrono::minutes(10);  // at most kTimeMax
    uint64_t request_events_max = 1;                 // room for the ids of one request, besides
  };
  static constexpr base::Duration kTimeMax = std::chrono::hours(7 * 24);
  static constexpr uint64_t kBytesOfId = 40;

  // The event that had the id first.
  struct Known {
    uint64_t position = 0;
    bool delivered = false;
    bool noted = false;  // in the same request: `position` is its number there
  };

  explicit RememberedIds(const Options& options);

  // The next request: forgets what is too old by now, and what was noted and never confirmed.
  void Begin(base::SteadyTime now);

  // Who has the id; nullopt: nobody had, and event `number` of this request has it now.
  std::optional<Known> FindOrNote(const base::Hash128& id, uint64_t number);

  // The request's events have the positions first + number, above all that were there before.
  void Confirm(uint64_t first);

  // Positions that are not remembered are passed over.
  void MarkDelivered(uint64_t position);
  void Forget(uint64_t position);

  uint64_t Size() const { return size_ - noted_; }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  static constexpr uint64_t kDelivered = uint64_t{1} << 63;
  static constexpr uint64_t kForgotten = uint64_t{1} << 62;  // stands in no chain

  struct Entry {
    base::Hash128 id;
    uint64_t marked_position = 0;  // with the marks above
    uint32_t tick = 0;             // milliseconds of its acceptance, modulo 2^32
    uint32_t next = kNone;         // slot in its chain

    uint64_t Position() const { return marked_position & ~(kDelivered | kForgotten); }
    bool Is(uint64_t mark) const { return (marked_position & mark) != 0; }
  };
  static_assert(sizeof(Entry) == 32);

  uint32_t TickOf(base::SteadyTime time) const;
  uint32_t SlotOf(uint64_t place) const;
  Entry& At(uint64_t place) { return entries_[SlotOf(place)]; }
  uint32_t& HeadOf(const base::Hash128& id) { return heads_[id.low & (heads_.size() - 1)]; }
  Entry* Find(uint64_t position);
  void Unlink(uint32_t slot);
  void DropFront();
  void DropNoted();

  const uint64_t events_max_;
  const base::Duration time_;
  const uint64_t capacity_;
  std::vector<Entry> entries_;   // by slot; grows to its capacity and never beyond
  std::vector<uint32_t> heads_;  // slot of the newest entry of each chain; a power of two of them
  uint32_t front_ = 0;           // slot of the oldest entry
  uint64_t size_ = 0;            // entries, those that are forgotten or noted among them
  uint64_t noted_ = 0;           // the last ones
  base::SteadyTime now_;         // of the last Begin: no entry is newer
};

}  // namespace ei::app
