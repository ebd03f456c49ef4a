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
#include "domain/event_batch.h"
#include "domain/token_bucket.h"

namespace ei::app {

// What all clients share, beside the rate.
enum class Shared : uint8_t { kConnections, kReadBytes, kJournalEvents, kJournalBytes };
inline constexpr size_t kSharedCount = 4;

// Who holds how much of what all clients share, so that a flood from one leaves the others what they need.
//
// The last eighth of each resource is for clients that hold less than an eighth of it: trunk reservation, as
// telephone networks keep direct calls from being crowded out by overflow (F. P. Kelly, "Loss Networks",
// 1991). So one client may use all but an eighth; what comes free goes to the modest ones first. The rate is
// shared in the same way. While only one client is known, everything is its own but for the eighth of the
// connections, through which others become known.
//
// A client is known as long as it is here or holds something, and a minute longer. Of more than clients_max
// the rest count as one. Client 0 is nobody: what it takes counts, and it is never refused.
//
// Thread-safe. Allows and Take are apart, so a resource may be exceeded by what comes at the same moment: its
// owner still bounds it.
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
  class Guest {
   public:
    Guest() = default;
    Guest(Guest&& other) noexcept
        : shares_(std::exchange(other.shares_, nullptr)), client_(std::exchange(other.client_, 0)) {}
    Guest& operator=(Guest&& other) noexcept {
      std::swap(shares_, other.shares_);
      std::swap(client_, other.client_);
      return *this;
    }
    ~Guest() {
      if (shares_ != nullptr) shares_->Leave(client_);
    }
    domain::ClientNumber Client() const { return client_; }

   private:
    friend class ClientShares;
    Guest(ClientShares& shares, domain::ClientNumber client) : shares_(&shares), client_(client) {}

    ClientShares* shares_ = nullptr;
    domain::ClientNumber client_ = 0;
  };

  explicit ClientShares(const Options& options);

  // `identity` is whatever tells clients apart, in any form.
  Guest Enter(std::string_view identity, base::SteadyTime now) EXCLUDES(mutex_);

  // Whether the client may have so much more. A hint where the answer is for later.
  bool Allows(domain::ClientNumber client, Shared what, uint64_t amount) const;
  void Take(domain::ClientNumber client, Shared what, uint64_t amount);
  void Give(domain::ClientNumber client, Shared what, uint64_t amount);

  // Whether the client stays below its part of the rate with so many events, so that it may have the last of
  // the tokens too. Charge tells what it was given.
  bool IsModest(domain::ClientNumber client, uint64_t events, base::SteadyTime now) const;
  void Charge(domain::ClientNumber client, uint64_t events, base::SteadyTime now);

  // Whether there is anybody to keep something for.
  bool Contended() const { return known_.load(std::memory_order_relaxed) > 1; }
  size_t Known() const { return known_.load(std::memory_order_relaxed); }

  // Of a resource, what the client with most of it holds, between 0 and 1.
  double LargestPart(Shared what) const EXCLUDES(mutex_);

  // What is kept of a resource for those that hold less than this.
  static constexpr uint64_t kParts = 8;

 private:
  struct Client {
    Client(double rate, double burst) : bucket(rate, burst) {}

    std::array<std::atomic<uint64_t>, kSharedCount> held{};
    domain::TokenBucket bucket;
    base::Hash128 id;  // with the rest guarded by ClientShares::mutex_
    size_t guests = 0;
    base::SteadyTime left_at;
  };
  struct LowHalf {
    size_t operator()(const base::Hash128& id) const { return id.low; }
  };

  void Leave(domain::ClientNumber client) EXCLUDES(mutex_);
  domain::ClientNumber Admit(const base::Hash128& id, base::SteadyTime now) REQUIRES(mutex_);
  void ForgetSome(base::SteadyTime now) REQUIRES(mutex_);
  bool IsGone(const Client& client, base::SteadyTime now) const REQUIRES(mutex_);

  const Options options_;
  std::array<std::atomic<uint64_t>, kSharedCount> totals_{};
  std::atomic<size_t> known_{0};

  // Numbers index it; its entries stay where they are, and those that are in use may be read by any thread.
  std::vector<std::unique_ptr<Client>> clients_;
  mutable base::Mutex mutex_;
  std::unordered_map<base::Hash128, domain::ClientNumber, LowHalf> numbers_ GUARDED_BY(mutex_);
  std::vector<domain::ClientNumber> free_ GUARDED_BY(mutex_);
  size_t made_ GUARDED_BY(mutex_) = 0;
  base::SteadyTime forgot_at_ GUARDED_BY(mutex_);
  base::SteadyTime now_ GUARDED_BY(mutex_);  // of the last Enter
};

}  // namespace ei::app
