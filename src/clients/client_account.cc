#include "clients/client_account.h"

#include "clients/client.h"

namespace ei {

ClientAccount ClientAccounts::Of(const std::string& name, const ClientLimits& limits) {
  const base::MutexLock lock(mutex_);
  const auto [found, is_new] = numbers_.try_emplace(name, entries_.size());
  if (is_new && entries_.size() >= accounts_max_) {
    numbers_.erase(found);
    return {nullptr, others_};
  }
  if (is_new) entries_.push_back({.name = name, .account = {nullptr, std::make_shared<ClientCounts>()}});
  Entry& entry = entries_[found->second];
  const double rate = limits.rate.value_or(0);
  const double burst = limits.burst.value_or(rate);
  if (entry.rate != rate || entry.burst != burst) {
    entry.rate = rate;
    entry.burst = burst;
    entry.account.bucket = rate > 0 ? std::make_shared<TokenBucket>(rate, burst) : nullptr;
  }
  return entry.account;
}

std::vector<ClientAccounts::Count> ClientAccounts::Counts(size_t names_max) const {
  std::vector<Count> counts;
  Count others{std::string(kOthers), others_->accepted, others_->rejected};
  const base::MutexLock lock(mutex_);
  for (const Entry& entry : entries_) {
    const ClientCounts& events = *entry.account.counts;
    if (counts.size() < names_max && entry.name != kOthers) {
      counts.push_back({entry.name, events.accepted, events.rejected});
    } else {
      others.accepted += events.accepted;
      others.rejected += events.rejected;
    }
  }
  counts.push_back(std::move(others));
  return counts;
}

}  // namespace ei
