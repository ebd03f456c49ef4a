#include "adapters/auth/recent_clients.h"

#include <utility>

namespace ei::auth {

const RecentClients::Entry* RecentClients::Find(const base::Hash128& credential, base::WallTime now) {
  auto found = new_.find(credential);
  if (found == new_.end()) {
    const auto old = old_.find(credential);
    if (old == old_.end()) return nullptr;
    Entry entry = std::move(old->second);
    old_.erase(old);
    Add(credential, std::move(entry));
    found = new_.find(credential);
  }
  if (now < found->second.valid_until) return &found->second;
  new_.erase(found);
  return nullptr;
}

void RecentClients::Add(const base::Hash128& credential, Entry entry) {
  if (new_.size() >= new_max_) {
    old_ = std::move(new_);
    new_.clear();
  }
  new_.insert_or_assign(credential, std::move(entry));
}

void RecentClients::Clear() {
  new_.clear();
  old_.clear();
}

}  // namespace ei::auth
