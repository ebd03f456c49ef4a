#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ei::telemetry {

inline constexpr size_t kShards = 16;

// Returns the shard of the calling thread, which stays the same for the life of the thread. With more than
// kShards threads, some share a shard.
inline size_t ThisThreadsShard() {
  static std::atomic<size_t> next{0};
  thread_local const size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

// Numbers that many threads add to and that are read now and then. Each thread adds in its own shard, a run
// of whole cache lines, so an add never waits for another core. A read sums the shards.
//
// Thread-safe. A total includes every add that happened before the read; two totals are not from the same
// instant. Numbers overflow to 0 at 2^64.
template <size_t kCells>
class ShardedCells {
  static constexpr size_t kCacheLineBytes = 64;

 public:
  class alignas(kCacheLineBytes) Shard {
   public:
    void Add(size_t cell, uint64_t count) { cells_[cell].fetch_add(count, std::memory_order_relaxed); }

   private:
    friend class ShardedCells;
    std::array<std::atomic<uint64_t>, kCells> cells_{};
  };

  Shard& Mine() { return shards_[ThisThreadsShard()]; }

  uint64_t Total(size_t cell) const {
    uint64_t total = 0;
    for (const Shard& shard : shards_) total += shard.cells_[cell].load(std::memory_order_relaxed);
    return total;
  }

 private:
  std::array<Shard, kShards> shards_;
};

}  // namespace ei::telemetry
