#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "app/client_shares.h"
#include "domain/event_batch.h"

namespace ei::app {

// What clients hold of a part of a journal that comes free as a whole. Its size is bounded by the number of
// clients. Not thread-safe.
class ClientHoldings {
 public:
  void Add(domain::ClientNumber client, uint64_t events, uint64_t bytes);

  // Gives all of it back, and is empty then.
  void GiveTo(ClientShares& shares);

  uint64_t Bytes() const;

 private:
  struct Holding {
    domain::ClientNumber client;
    uint64_t events;
    uint64_t bytes;
  };
  static constexpr size_t kMergeMin = 1024;

  void Merge();

  std::vector<Holding> holdings_;  // a client may stand in it more than once
  size_t merge_at_ = kMergeMin;
};

}  // namespace ei::app
