#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/sip_hash.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "event/event_batch.h"

namespace ei {

// What all clients share, beside the rate.
enum class Shared : uint8_t {
  kConnections,
  kReadBytes,
  kJournalEvents,
  kJournalBytes,   // what the journal bounds: of memory, blocks included, or of the log's files, padding
                   // included
  kUnsyncedBytes,  // of memory, on its way to the log
  kAwaitedEvents,  // whose delivery a request waits for
};
inline constexpr size_t kSharedCount = 6;

// Who holds how much of what all clients share, so that a flood from one leaves the others what they need.
//
// The last eighth of each resource is for clients that hold less than an eighth of it: trunk reservation, as
// telephone networks keep direct calls from being crowded out by overflow (F. P. Kelly, "Loss Networks",
// 1991). So one client may use all but an eighth; what comes free goes to the modest ones first. While only
// one client sends events, everything is its own but for the eighth of the connections, through which others
// come, and, while others are connected, of the memory for bodies.
//
// The rate is shared in the same way, by a bucket for each client that holds an eighth of the burst and gains
// an eighth of the rate. Who stays within it is admitted by a bucket that is kept for such clients
// (TakeReserved), whatever the debt of the bucket that all are charged to.
//
// A client counts from its first request with events until it has sent none for a minute and holds nothing of
// a journal. What only connects, such as a probe, doesn't. Of more than clients_max the rest are one client.
// Client 0 is nobody: what it takes counts, and it is never refused.
//
// Thread-safe. Allows and Take are apart, so a resource may be exceeded by what comes at the same moment,
// unless its owner calls both under its own lock.
class ClientShares {
 public:
  struct Options {
    std::array<uint64_t, kSharedCount> capacities{};  // by Shared; 0: not bounded
    double rate = 0;                                  // events a second of all clients together; 0: no limit
    double burst = 1;
    size_t clients_max = 10'000;  // at most 65'000
    base::SipKey key;             // no client may know it
  };

  // The presence of a client; nobody's when default-made. Movable; any thread, one at a time.
  class ClientHandle {
   public:
    ClientHandle() = default;
    ClientHandle(ClientHandle&& other) noexcept
        : shares_(std::exchange(other.shares_, nullptr)), client_(std::exchange(other.client_, 0)) {}
    ClientHandle& operator=(ClientHandle&& other) noexcept {
      std::swap(shares_, other.shares_);
      std::swap(client_, other.client_);
      return *this;
    }
    ~ClientHandle() {
      if (shares_ != nullptr) shares_->Leave(client_);
    }
    ClientNumber Client() const { return client_; }

   private:
    friend class ClientShares;
    ClientHandle(ClientShares& shares, ClientNumber client) : shares_(&shares), client_(client) {}

    ClientShares* shares_ = nullptr;
    ClientNumber client_ = 0;
  };

  explicit ClientShares(const Options& options);

  // `identity` is whatever tells clients apart, in any form.
  ClientHandle Enter(std::string_view identity, base::SteadyTime now) EXCLUDES(mutex_);

  // The client sends events: it counts as one of those that share. Its other news is the time.
  void NoteSender(ClientNumber client, base::SteadyTime now) EXCLUDES(mutex_);

  // Whether the client may have so much more. A hint where the answer is for later.
  bool Allows(ClientNumber client, Shared what, uint64_t amount) const;
  // Whether a client could have so much while others are there, if it had nothing.
  bool EverAllows(Shared what, uint64_t amount) const;
  void Take(ClientNumber client, Shared what, uint64_t amount);
  void Give(ClientNumber client, Shared what, uint64_t amount);

  uint64_t Held(ClientNumber client, Shared what) const {
    return clients_[client]->held[static_cast<size_t>(what)].load(std::memory_order_relaxed);
  }
  // Of a resource that is bounded, what nobody holds.
  uint64_t Left(Shared what) const;

  // Whether the client stays below its part of the rate with so many events, without a debt; so does who has
  // nobody to share with.
  bool WithinFairShare(ClientNumber client, uint64_t events, base::SteadyTime now) const;
  // Admits the events of a client that stays below its part of the rate, and charges it; false: they have to
  // be admitted by the bucket of all. Also while it is alone: one that has gone may have left that in debt.
  // The peek says what it would do for one event.
  bool TakeReserved(ClientNumber client, uint64_t events, base::SteadyTime now);
  bool PeekReserved(ClientNumber client, base::SteadyTime now) const;
  // What the client was given by the bucket of all. It is no longer modest until that is paid, for a minute
  // at most.
  void Charge(ClientNumber client, uint64_t events, base::SteadyTime now);

  // So many events of the client were decoded and then refused for the rate. That costs no tokens but time:
  // until they would have come in at the rate of all, the client is refused unread.
  void NoteRefused(ClientNumber client, uint64_t events, base::SteadyTime now);
  // How long that goes on. Never longer than the least that a refused client is told to wait.
  base::Duration UnreadFor(ClientNumber client, base::SteadyTime now) const;

  // Whether there is anybody to keep something for.
  bool Contended() const { return senders_.load(std::memory_order_relaxed) > 1; }
  // Clients that count.
  size_t Known() const { return senders_.load(std::memory_order_relaxed); }

  // Of a resource, what the client with most of it holds, between 0 and 1.
  double LargestPart(Shared what) const EXCLUDES(mutex_);

  // What is kept of a resource for those that hold less than this.
  static constexpr uint64_t kReserveFraction = 8;

 private:
  struct Client {
    Client(double rate, double burst) : bucket(rate, burst) {}

    std::array<std::atomic<uint64_t>, kSharedCount> held{};
    TokenBucket bucket;
    std::atomic<int64_t> sent_at{0};       // its last events, to a second; steady clock, nanoseconds
    std::atomic<int64_t> unread_until{0};  // the same clock
    std::atomic<bool> sends{false};        // written under ClientShares::mutex_
    base::Hash128 id;                      // with the rest guarded by ClientShares::mutex_
    size_t guests = 0;
    bool known = false;  // has a number by its id
  };
  struct LowHalf {
    size_t operator()(const base::Hash128& id) const { return id.low; }
  };

  void Leave(ClientNumber client) EXCLUDES(mutex_);
  ClientNumber Admit(const base::Hash128& id) REQUIRES(mutex_);
  bool Shares(Shared what) const;
  bool StaysBelowItsRate(ClientNumber client, uint64_t events, base::SteadyTime now) const;
  void SweepSome(base::SteadyTime now) REQUIRES(mutex_);
  void Sweep(ClientNumber client, base::SteadyTime now) REQUIRES(mutex_);

  const Options options_;
  std::array<std::atomic<uint64_t>, kSharedCount> totals_{};
  TokenBucket reserved_;              // for clients that stay below their part of the rate
  std::atomic<size_t> senders_{0};    // clients that count
  std::atomic<size_t> present_{0};    // that have a number by their id
  std::atomic<int64_t> sweep_at_{0};  // the next SweepSome; steady clock, nanoseconds

  // Numbers index it; its entries stay where they are, and those that are in use may be read by any thread.
  std::vector<std::unique_ptr<Client>> clients_;
  mutable base::Mutex mutex_;
  std::unordered_map<base::Hash128, ClientNumber, LowHalf> numbers_ GUARDED_BY(mutex_);
  std::vector<ClientNumber> free_ GUARDED_BY(mutex_);
  size_t made_ GUARDED_BY(mutex_) = 0;
  size_t next_sweep_ GUARDED_BY(mutex_) = 0;  // the number that SweepSome goes on with
};

}  // namespace ei
