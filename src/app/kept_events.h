#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>

#include "app/client_holdings.h"
#include "app/client_shares.h"
#include "app/ports/journal.h"
#include "base/time.h"

namespace ei::app {

// Events that a journal keeps for long, copied out of the memory that they shared with others
// (Journal::Compact). Not thread-safe.
class KeptEvents {
 public:
  struct Dropped {
    domain::ClientNumber client = 0;
    uint64_t freed_bytes = 0;  // memory that its going sets free
  };

  // `shares` is told whose memory it is; null: nobody wants to know. It outlives this.
  explicit KeptEvents(ClientShares* shares = nullptr) : shares_(shares) {}

  // What Keep will take of memory for it.
  static size_t BytesOf(const JournalEvent& event);

  // Copies them and renews their views.
  void Keep(std::span<JournalEvent> events);

  // nullopt: the event isn't here.
  std::optional<Dropped> Drop(uint64_t position);

  bool Empty() const { return places_.empty(); }
  uint64_t Bytes() const { return bytes_; }
  size_t Size() const { return places_.size(); }
  // At or before the acceptance of the oldest one.
  std::optional<base::SteadyTime> Oldest() const;

 private:
  // What was kept together, and is freed together.
  struct Group {
    std::unique_ptr<char[]> data;
    uint64_t bytes = 0;
    size_t events = 0;
    std::multiset<base::SteadyTime>::iterator oldest;  // in oldest_
    ClientHoldings holdings;
  };
  struct Place {
    std::list<Group>::iterator group;
    domain::ClientNumber client;
  };

  // Of a Place in its map, with the pointers to it and its part of the Group.
  static constexpr size_t kPlaceBytes = 64;

  ClientShares* const shares_;

  std::list<Group> groups_;
  std::multiset<base::SteadyTime> oldest_;      // of each group
  std::unordered_map<uint64_t, Place> places_;  // by position
  uint64_t bytes_ = 0;
};

}  // namespace ei::app
