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
#include "clients/client.h"
#include "event/event_batch.h"

namespace ei {

// The resources that all clients share, in addition to the rate.
enum class Shared : uint8_t {
  kConnections,
  kReadBytes,  // memory for requests that are being read
  kJournalEvents,
  kJournalBytes,   // the bytes that the journal limits: memory including its blocks, or the log's files
                   // including padding
  kUnsyncedBytes,  // memory of events that are not yet synced to the log
  kAwaitedEvents,  // events whose delivery a request waits for
};
inline constexpr size_t kSharedCount = 6;

// Tracks how much of the shared resources each client holds, so that a flood from one client leaves enough
// for the others.
//
// One client may use up to 7/8 of a resource; the last 1/8 is reserved for clients that hold less than 1/8 of
// it. This is trunk reservation, which telephone networks use to protect direct calls from overflow traffic
// (F. P. Kelly, "Loss Networks", 1991). Released capacity goes to the clients within their fair share first.
// While only one client sends events, it may use everything, with two exceptions: 1/8 of the connections
// remains reserved so that other clients can connect, and, while other clients are connected, 1/8 of the
// memory for reading requests.
//
// The rate is shared in the same way. Each client has a bucket with 1/8 of the burst and 1/8 of the rate.
// Events within that bucket are admitted by a separate bucket that is reserved for such clients
// (TakeReserved), even if the shared bucket, to which all events are charged, is in debt.
//
// A client may also have limits of its own, which hold whether or not there are other clients.
//
// A client is tracked from its first request with events until it has sent none for a minute and holds
// nothing in a journal. A client that only connects, such as a probe, is not tracked. Clients beyond
// clients_max are treated as one client. Client 0 is the anonymous client: its usage is counted and never
// rejected.
//
// Thread-safe. Allows and Take are separate calls. If the owner of a resource doesn't call both under its own
// lock, concurrent callers may exceed the limit.
class ClientShares {
 public:
  struct Options {
    std::array<uint64_t, kSharedCount> capacities{};  // by Shared; 0: unlimited
    double rate = 0;  // events per second of all clients together; 0: unlimited
    double burst = 1;
    size_t clients_max = 10'000;  // at most 65'000
    base::SipKey key;             // secret; must be unknown to clients
  };

  // Keeps the number of a client in use. A default-constructed handle is that of the anonymous client.
  // Movable. May be used by any thread, but by only one at a time.
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

  // Returns a handle for the client with this identity, which may be any text that distinguishes clients.
  // `this` must outlive the handle. `limits` are the client's own from now on.
  ClientHandle Enter(std::string_view identity, base::SteadyTime now, const ClientLimits& limits = {})
      EXCLUDES(mutex_);

  // Records that the client sends events, so that it is tracked. Also sweeps clients that have become silent,
  // if `now` is late enough.
  void NoteSender(ClientNumber client, base::SteadyTime now) EXCLUDES(mutex_);

  // Returns whether the client may take `amount` more. The answer is only a hint if Take is called later.
  bool Allows(ClientNumber client, Shared what, uint64_t amount) const;
  // The same, but the last 1/8 is reserved even if no other client is known.
  bool LeavesReserve(ClientNumber client, Shared what, uint64_t amount) const;
  // Returns whether this client could take `amount` if it held nothing, while other clients are tracked.
  bool EverAllows(ClientNumber client, Shared what, uint64_t amount) const;
  // Take adds to the client's holdings, without a check; Give subtracts from them.
  void Take(ClientNumber client, Shared what, uint64_t amount);
  void Give(ClientNumber client, Shared what, uint64_t amount);

  uint64_t Held(ClientNumber client, Shared what) const {
    return clients_[client]->held[static_cast<size_t>(what)].load(std::memory_order_relaxed);
  }
  // The amount of a limited resource that no client holds.
  uint64_t Left(Shared what) const;

  // Returns whether the client stays within its share of the rate with this many more events, without going
  // into debt. Always true for the anonymous client, and while at most one client is tracked.
  bool WithinFairShare(ClientNumber client, uint64_t events, base::SteadyTime now) const;
  // Admits the events of a client that stays within its share of the rate, and charges the client for them.
  // If it returns false, the shared bucket has to admit them. It works also while only one client is tracked,
  // because a client that has left may have put the shared bucket into debt. PeekReserved returns what
  // TakeReserved would return for one event, but takes nothing.
  bool TakeReserved(ClientNumber client, uint64_t events, base::SteadyTime now);
  bool PeekReserved(ClientNumber client, base::SteadyTime now) const;
  // Charges the client for events that the shared bucket admitted. The client is over its share until this
  // debt is paid, but for a minute at most.
  void Charge(ClientNumber client, uint64_t events, base::SteadyTime now);

  // Records that events of the client were decoded and then rejected because of a rate. This costs the client
  // no tokens but time: its requests are rejected without being read for as long as the events take at that
  // rate, at most 1 s.
  void NoteRefused(ClientNumber client, base::Duration time_of_events, base::SteadyTime now);
  // Returns for how much longer the client's requests are rejected without being read. This is at most 1 s,
  // the shortest Retry-After of a rejection.
  base::Duration UnreadFor(ClientNumber client, base::SteadyTime now) const;

  // Returns whether more than one client is tracked, so that resources are shared.
  bool Contended() const { return senders_.load(std::memory_order_relaxed) > 1; }
  // The number of tracked clients.
  size_t Known() const { return senders_.load(std::memory_order_relaxed); }

  // The fraction of a resource, between 0 and 1, that is held by the client with the most of it.
  double LargestPart(Shared what) const EXCLUDES(mutex_);

  // 1/kReserveFraction of each resource is reserved for clients that hold less than that.
  static constexpr uint64_t kReserveFraction = 8;

 private:
  struct Client {
    Client(double rate, double burst) : bucket(rate, burst) {}

    std::array<std::atomic<uint64_t>, kSharedCount> held{};
    std::array<std::atomic<uint64_t>, kSharedCount> max{};  // its own limits; 0: none
    TokenBucket bucket;
    std::atomic<int64_t> sent_at{0};       // last events, to a second; steady clock, nanoseconds
    std::atomic<int64_t> unread_until{0};  // steady clock, nanoseconds
    std::atomic<bool> sends{false};        // tracked; written under ClientShares::mutex_
    base::Hash128 id;                      // this and the rest: guarded by ClientShares::mutex_
    size_t handles = 0;                    // ClientHandles that exist
    bool known = false;                    // numbers_ has its id
  };
  struct LowHalf {
    size_t operator()(const base::Hash128& id) const { return id.low; }
  };

  void Leave(ClientNumber client) EXCLUDES(mutex_);
  void SetLimits(Client& client, const ClientLimits& limits) REQUIRES(mutex_);
  ClientNumber Admit(const base::Hash128& id) REQUIRES(mutex_);
  bool IsShared(Shared what) const;
  bool StaysBelowItsRate(ClientNumber client, uint64_t events, base::SteadyTime now) const;
  void SweepSome(base::SteadyTime now) REQUIRES(mutex_);
  void Sweep(ClientNumber client, base::SteadyTime now) REQUIRES(mutex_);

  const Options options_;
  std::array<std::atomic<uint64_t>, kSharedCount> totals_{};
  TokenBucket reserved_;              // for clients within their share of the rate
  std::atomic<size_t> senders_{0};    // number of tracked clients
  std::atomic<size_t> present_{0};    // size of numbers_
  std::atomic<int64_t> sweep_at_{0};  // time of the next SweepSome; steady clock, nanoseconds

  // Indexed by client number. The entries never move, and any thread may read those that are in use without
  // the lock.
  std::vector<std::unique_ptr<Client>> clients_;
  mutable base::Mutex mutex_;
  std::unordered_map<base::Hash128, ClientNumber, LowHalf> numbers_ GUARDED_BY(mutex_);
  std::vector<ClientNumber> free_ GUARDED_BY(mutex_);
  size_t made_ GUARDED_BY(mutex_) = 0;
  size_t last_swept_ GUARDED_BY(mutex_) = 0;  // the number that SweepSome checked last
};

}  // namespace ei
