#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/circular_buffer.hpp>

#include "app/client_holdings.h"
#include "app/client_shares.h"
#include "app/kept_events.h"
#include "app/ports/journal.h"
#include "base/mutex.h"

namespace ei::memory_journal {

// The journal of ack level `memory`: accepted events live in blocks of memory until they are settled, and
// nothing survives the process.
//
// Invariants:
//  - `events_` counts appended, unsettled events and never exceeds events_max.
//  - `bytes_` counts the memory of all blocks, kept for reuse or not, and of `kept_`, and for each event
//    kEventOverheadBytes. It exceeds bytes_max at most by what Compact copies at once, before it sets more
//    free.
//  - A block's events have consecutive positions; blocks are in the order of positions. A block with no
//    unsettled event is recycled, the last one by starting over from its first byte.
//  - A batch is copied only after room for all of it is certain.
//  - Clients are charged in the same bytes: what an event uses of a block, until the block is free; the rest
//  of
//    a block that no longer takes events, to the client whose event didn't fit; the overhead, until the event
//    is settled.
class MemoryJournal final : public app::Journal {
 public:
  struct Options {
    uint64_t events_max = 100'000;
    uint64_t bytes_max = 64 << 20;
    size_t lanes = 1;
    app::ClientShares* shares = nullptr;  // is told who holds what; outlives the journal
  };

  explicit MemoryJournal(const Options& options);

  // Of `bytes_max`, what clients can share: all but a block, as the last one may not fit.
  static uint64_t ShareableBytes(uint64_t bytes_max);

  app::Appended Append(const domain::EventBatch& batch, base::SteadyTime now) override;
  uint64_t DurableEnd() const override { return 0; }
  void OnDurable(std::function<void()>) override {}
  bool Failed() const override { return false; }
  bool Full(uint64_t bytes) const override;
  bool Crowded() const override;
  size_t Take(size_t lane, std::span<app::JournalEvent> out) override;
  size_t Compact(std::span<app::JournalEvent> events) override;
  void Settle(std::span<const uint64_t> positions) override;
  void OnLaneFilled(std::function<void(size_t lane)> wake) override { wake_ = std::move(wake); }
  void Close() override;
  app::JournalStats Stats() const override;
  uint64_t Events() const override {
    return options_.events_max - free_events_.load(std::memory_order_relaxed);
  }

 private:
  // What a batch adds.
  struct Need {
    uint64_t memory;  // for new blocks, and the overhead
    uint64_t share;   // that its client is charged with
  };

  struct Block {
    std::unique_ptr<char[]> data;
    size_t capacity = 0;
    size_t used = 0;
    uint64_t first_position = 0;
    uint64_t events = 0;     // positions from first_position
    uint64_t unsettled = 0;  // of those
    base::SteadyTime opened_at;
    // Only with shares:
    std::vector<domain::ClientNumber> owners;  // by position
    app::ClientHoldings holdings;              // of its bytes
  };

  static Need NeedOf(const domain::EventBatch& batch, size_t room, size_t spare);
  Need NeedOf(const domain::EventBatch& batch) const REQUIRES(mutex_);
  bool MayHold(const domain::EventBatch& batch) const REQUIRES(mutex_);
  void Hold(Block& block, domain::ClientNumber client, uint64_t bytes) REQUIRES(mutex_);
  bool Reserve(const domain::EventBatch& batch) REQUIRES(mutex_);
  void NoteRefused(const domain::EventBatch& batch) REQUIRES(mutex_);
  Block& BlockFor(size_t bytes, domain::ClientNumber client, base::SteadyTime now) REQUIRES(mutex_);
  void LeaveBlock(size_t index) REQUIRES(mutex_);
  void Recycle(size_t index) REQUIRES(mutex_);
  void Retire(size_t index) REQUIRES(mutex_);
  // `guess`: where it probably is.
  size_t BlockOf(uint64_t position, size_t guess) const REQUIRES(mutex_);

  const Options options_;
  std::function<void(size_t lane)> wake_;

  // For Full(), which takes no lock: the last request that found no room, forgotten when it would find some.
  std::atomic<uint64_t> refused_bytes_{std::numeric_limits<uint64_t>::max()};
  std::atomic<uint64_t> free_events_wanted_{0};
  std::atomic<uint64_t> free_events_;

  mutable base::Mutex mutex_;
  app::KeptEvents kept_ GUARDED_BY(mutex_);         // whose bytes stand in no block
  app::ClientHoldings settled_ GUARDED_BY(mutex_);  // scratch of Settle
  std::deque<Block> blocks_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<char[]>> spare_ GUARDED_BY(mutex_);  // of kBlockBytes each
  std::vector<boost::circular_buffer<app::JournalEvent>> lanes_ GUARDED_BY(mutex_);
  uint64_t events_ GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t next_position_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace ei::memory_journal
