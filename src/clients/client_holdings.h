#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clients/client_shares.h"
#include "event/event_batch.h"

namespace ei {

// What clients hold of a part of a journal that comes free as a whole. Its size is bounded by the number of
// clients. Not thread-safe.
class ClientHoldings {
 public:
  void Add(ClientNumber client, uint64_t events, uint64_t bytes);

  // Gives all of it back, and is empty then.
  void GiveTo(ClientShares& shares);

  uint64_t Bytes() const;

 private:
  struct Holding {
    ClientNumber client;
    uint64_t events;
    uint64_t bytes;
  };
  static constexpr size_t kMergeMin = 1024;

  void Merge();

  std::vector<Holding> holdings_;  // a client may stand in it more than once
  size_t merge_at_ = kMergeMin;
};

}  // namespace ei
