#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/sip_hash.h"
#include "base/time.h"

namespace ei {

// The ids of the newest events, limited in number (Options::events_max) and age (Options::time). Older ids
// are forgotten. An id is known only by its hash, and the bytes of its event only by their fingerprint.
// Events that share an id and differ in their bytes are remembered separately, the newest kBytesOfOneIdMax of
// them.
//
// The entries are a ring in the order of acceptance, whose oldest entries are dropped, and a hash table whose
// chains link entries of the ring. All memory is reserved in the constructor; it is at most kBytesOfId for
// each id.
//
// The ids of a request are first noted at the end of the ring. They are remembered once the request's events
// have their positions (Confirm). So a request finds its own repeats, and a rejected request leaves no ids.
//
// Not thread-safe. If the time goes back, it is treated as unchanged.
class RememberedIds {
 public:
  struct Options {
    uint64_t events_max = 1;
    // How long an id is remembered. Rounded up to whole seconds; an id may last up to one second longer.
    base::Duration time = std::chrono::minutes(10);
    uint64_t request_events_max = 1;  // additional room for the ids of one request
  };
  static constexpr uint64_t kBytesOfId = 48;
  static constexpr uint64_t kAnyBytes = 0;  // the fingerprint isn't known: only the ids are compared
  static constexpr uint32_t kBytesOfOneIdMax = 8;

  // The event that had the id and the bytes first.
  struct Known {
    uint64_t position = 0;
    bool delivered = false;
    bool noted = false;  // in the same request: `position` is its number there
  };
  struct Finding {
    std::optional<Known> known;
    bool conflict = false;  // another event has this id and other bytes
  };

  explicit RememberedIds(const Options& options);

  // Begins the next request. Drops ids that were noted and never confirmed, and some of the expired ids.
  // FindOrNote ignores the expired ids that are left, so that no request has to clean up after a long idle
  // time.
  void Begin(base::SteadyTime now);

  // Finds the event that has the id with these bytes. If there is none, notes the id for event `number` of
  // this request.
  Finding FindOrNote(const base::Hash128& id, uint64_t fingerprint, uint64_t number);

  // The request's events have the positions first + number. These are above all earlier positions.
  void Confirm(uint64_t first);

  // Positions that are not remembered are ignored.
  void MarkDelivered(uint64_t position);
  void Forget(uint64_t position);

  // Entries in use, including those of forgotten ids; without noted ones.
  uint64_t Size() const { return size_ - noted_; }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr int32_t kLongAgo = std::numeric_limits<int32_t>::min();

  static constexpr uint64_t kDelivered = uint64_t{1} << 63;
  static constexpr uint64_t kForgotten = uint64_t{1} << 62;  // is in no chain

  struct Entry {
    base::Hash128 id;
    uint64_t fingerprint = kAnyBytes;
    uint64_t marked_position = 0;  // with the flags kDelivered and kForgotten
    int32_t second = 0;            // when it was accepted; see SecondOf
    uint32_t next = kNone;         // slot of the next entry of its chain

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
  const int64_t seconds_;  // how long an id is remembered
  const uint64_t capacity_;
  std::vector<Entry> entries_;   // by slot; grows up to capacity_
  std::vector<uint32_t> heads_;  // slot of the newest entry of each chain; the size is a power of two
  uint32_t front_ = 0;           // slot of the oldest entry
  uint64_t size_ = 0;            // entries, including forgotten and noted ones
  uint64_t noted_ = 0;           // noted entries; they are the last ones
  int32_t now_ = kLongAgo;       // second of the last Begin: no entry is newer
};

}  // namespace ei
