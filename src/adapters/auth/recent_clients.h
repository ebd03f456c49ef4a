#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "base/sip_hash.h"
#include "base/time.h"
#include "clients/client.h"

namespace ei::auth {

// The clients of credentials that were valid, by the hash of the credential. Holds at most `entries_max`:
// when half as many are new, those that were not used since the last such time are dropped. For one thread.
class RecentClients {
 public:
  struct Entry {
    std::shared_ptr<const Client> client;
    base::WallTime valid_until;
  };

  explicit RecentClients(size_t entries_max) : new_max_(entries_max / 2) {}

  // Null if there is none, or it is no longer valid. Valid until the next call.
  const Entry* Find(const base::Hash128& credential, base::WallTime now);
  void Add(const base::Hash128& credential, Entry entry);
  void Clear();

  size_t Size() const { return new_.size() + old_.size(); }

 private:
  struct LowHalf {
    size_t operator()(const base::Hash128& hash) const { return hash.low; }
  };
  using Entries = std::unordered_map<base::Hash128, Entry, LowHalf>;

  const size_t new_max_;
  Entries new_;
  Entries old_;
};

}  // namespace ei::auth
