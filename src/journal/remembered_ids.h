#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/sip_hash.h"
#include "base/time.h"

namespace ei {

// The ids of the newest events, so many of them and for so long; the older ones are forgotten. An id is known
// by its hash alone, and its event's bytes by their fingerprint: events that share an id and differ in their
// bytes are remembered beside one another, the newest kBytesOfOneIdMax of them.
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
    base::Duration time = std::chrono::minutes(10);  // in whole seconds, and up to one more
    uint64_t request_events_max = 1;                 // room for the ids of one request, besides
  };
  static constexpr uint64_t kBytesOfId = 48;
  static constexpr uint64_t kAnyBytes = 0;  // the fingerprint isn't known: the id alone decides
  static constexpr uint32_t kBytesOfOneIdMax = 8;

  // The event that had the id first.
  struct Known {
    uint64_t position = 0;
    bool delivered = false;
    bool noted = false;  // in the same request: `position` is its number there
  };
  struct Finding {
    std::optional<Known> known;
    bool conflict = false;  // there is one with this id, and with other bytes
  };

  explicit RememberedIds(const Options& options);

  // The next request. Forgets what was noted and never confirmed, and some of what is too old by now, the
  // rest of which FindOrNote passes over: so that no request pays for a long silence.
  void Begin(base::SteadyTime now);

  // Who has the id with these bytes; none: nobody had, and event `number` of this request has it now.
  Finding FindOrNote(const base::Hash128& id, uint64_t fingerprint, uint64_t number);

  // The request's events have the positions first + number, above all that were there before.
  void Confirm(uint64_t first);

  // Positions that are not remembered are passed over.
  void MarkDelivered(uint64_t position);
  void Forget(uint64_t position);

  // Entries in use, those of forgotten ids too.
  uint64_t Size() const { return size_ - noted_; }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr int32_t kLongAgo = std::numeric_limits<int32_t>::min();

  static constexpr uint64_t kDelivered = uint64_t{1} << 63;
  static constexpr uint64_t kForgotten = uint64_t{1} << 62;  // stands in no chain

  struct Entry {
    base::Hash128 id;
    uint64_t fingerprint = kAnyBytes;
    uint64_t marked_position = 0;  // with the marks above
    int32_t second = 0;            // of its acceptance; see SecondOf
    uint32_t next = kNone;         // slot in its chain

    uint64_t Position() const { return marked_position & ~(kDelivered | kForgotten); }
    bool Is(uint64_t mark) const { return (marked_position & mark) != 0; }
  };
  static_assert(sizeof(Entry) == 40);

  static int32_t SecondOf(base::SteadyTime time);
  bool IsTooOld(const Entry& entry) const;
  uint32_t SlotOf(uint64_t place) const;
  Entry& At(uint64_t place) { return entries_[SlotOf(place)]; }
  uint32_t& HeadOf(const base::Hash128& id) { return heads_[id.low & (heads_.size() - 1)]; }
  Entry* Find(uint64_t position);
  void Unlink(uint32_t slot);
  void Forget(Entry& entry);
  void DropFront();
  void DropNoted();

  const uint64_t events_max_;
  const int64_t seconds_;  // that an id is remembered
  const uint64_t capacity_;
  std::vector<Entry> entries_;   // by slot; grows to its capacity and never beyond
  std::vector<uint32_t> heads_;  // slot of the newest entry of each chain; a power of two of them
  uint32_t front_ = 0;           // slot of the oldest entry
  uint64_t size_ = 0;            // entries, those that are forgotten or noted among them
  uint64_t noted_ = 0;           // the last ones
  int32_t now_ = kLongAgo;       // second of the last Begin: no entry is newer
};

}  // namespace ei
