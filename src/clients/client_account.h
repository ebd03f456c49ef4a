#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/token_bucket.h"

namespace ei {

struct ClientLimits;

// The events of one client. Thread-safe.
struct ClientCounts {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> rejected{0};
};

// What one client has used. Null members: nothing is limited or counted.
struct ClientAccount {
  std::shared_ptr<TokenBucket> bucket;  // of the client's own rate
  std::shared_ptr<ClientCounts> counts;
};

// The accounts of the clients, by name. They outlive the definitions of the clients: a change of the clients
// file refills a bucket only if it changes the rate, and no counter goes back. Thread-safe.
class ClientAccounts {
 public:
  // Clients beyond `accounts_max` are counted as one, and have no rate of their own.
  explicit ClientAccounts(size_t accounts_max) : accounts_max_(accounts_max) {}

  ClientAccount Of(const std::string& name, const ClientLimits& limits) EXCLUDES(mutex_);

  struct Count {
    std::string name;
    uint64_t accepted = 0;
    uint64_t rejected = 0;
  };
  // Returns the counts of the first `names_max` clients that got an account, and the sum of all others with
  // the name kOthers.
  std::vector<Count> Counts(size_t names_max) const EXCLUDES(mutex_);

  static constexpr std::string_view kOthers = "other";

 private:
  struct Entry {
    std::string name;
    double rate = 0;
    double burst = 0;
    ClientAccount account;
  };

  const size_t accounts_max_;
  const std::shared_ptr<ClientCounts> others_ = std::make_shared<ClientCounts>();
  mutable base::Mutex mutex_;
  std::vector<Entry> entries_ GUARDED_BY(mutex_);                       // in the order of their creation
  std::unordered_map<std::string, size_t> numbers_ GUARDED_BY(mutex_);  // of the entries
};

}  // namespace ei
