#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clients/client_shares.h"
#include "event/event_batch.h"

namespace ei {

// Counts what each client holds in a part of a journal that is released as a whole. Its size is bounded by
// the number of clients. Not thread-safe.
class ClientHoldings {
 public:
  void Add(ClientNumber client, uint64_t events, uint64_t bytes);

  // Returns all holdings to `shares`; this object is then empty.
  void GiveTo(ClientShares& shares);

  // The bytes of all clients together.
  uint64_t Bytes() const;

 private:
  struct Holding {
    ClientNumber client;
    uint64_t events;
    uint64_t bytes;
  };
  static constexpr size_t kMergeMin = 1024;

  void Merge();

  std::vector<Holding> holdings_;  // may have several entries of one client, which Merge combines
  size_t merge_at_ = kMergeMin;
};

}  // namespace ei
