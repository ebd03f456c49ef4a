#include "app/client_shares.h"

#include <algorithm>

namespace ei::app {

using domain::ClientNumber;

namespace {

constexpr ClientNumber kNobody = 0;
constexpr ClientNumber kCrowd = 1;  // all that are too many to be told apart
constexpr auto kRemembered = std::chrono::minutes(1);
constexpr auto kForgetInterval = std::chrono::seconds(5);

}  // namespace

ClientShares::ClientShares(const Options& options) : options_(options), clients_(options.clients_max + 2) {
  for (const ClientNumber always : {kNobody, kCrowd}) {
    clients_[always] =
        std::make_unique<Client>(options.rate / kParts, options.burst / static_cast<double>(kParts));
  }
  made_ = 2;
}

ClientShares::Guest ClientShares::Enter(std::string_view identity, base::SteadyTime now) {
  const base::Hash128 id = base::SipHash128(options_.key, identity);
  const base::MutexLock lock(mutex_);
  now_ = now;
  const auto found = numbers_.find(id);
  const ClientNumber client = found != numbers_.end() ? found->second : Admit(id, now);
  ++clients_[client]->guests;
  return {*this, client};
}

ClientNumber ClientShares::Admit(const base::Hash128& id, base::SteadyTime now) {
  ForgetSome(now);
  ClientNumber number = kCrowd;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
  } else if (made_ < clients_.size()) {
    number = static_cast<ClientNumber>(made_++);
    clients_[number] =
        std::make_unique<Client>(options_.rate / kParts, options_.burst / static_cast<double>(kParts));
  } else {
    return number;
  }
  clients_[number]->id = id;
  numbers_.emplace(id, number);
  known_.store(numbers_.size(), std::memory_order_relaxed);
  return number;
}

// Not at each Enter: it looks at all.
void ClientShares::ForgetSome(base::SteadyTime now) {
  if (now < forgot_at_ + kForgetInterval) return;
  forgot_at_ = now;
  std::erase_if(numbers_, [&](const auto& entry) REQUIRES(mutex_) {
    const bool gone = IsGone(*clients_[entry.second], now);
    if (gone) free_.push_back(entry.second);
    return gone;
  });
}

bool ClientShares::IsGone(const Client& client, base::SteadyTime now) const {
  return client.guests == 0 && now - client.left_at >= kRemembered &&
         std::ranges::all_of(client.held, [](const auto& held) { return held.load() == 0; });
}

void ClientShares::Leave(ClientNumber client) {
  const base::MutexLock lock(mutex_);
  --clients_[client]->guests;
  clients_[client]->left_at = now_;
}

bool ClientShares::Allows(ClientNumber client, Shared what, uint64_t amount) const {
  const auto index = static_cast<size_t>(what);
  const uint64_t capacity = options_.capacities[index];
  if (client == kNobody || capacity == 0) return true;
  if (!Contended() && what != Shared::kConnections) return true;
  if (clients_[client]->held[index].load(std::memory_order_relaxed) + amount <= capacity / kParts)
    return true;
  return totals_[index].load(std::memory_order_relaxed) + amount <= capacity - capacity / kParts;
}

void ClientShares::Take(ClientNumber client, Shared what, uint64_t amount) {
  const auto index = static_cast<size_t>(what);
  clients_[client]->held[index].fetch_add(amount, std::memory_order_relaxed);
  totals_[index].fetch_add(amount, std::memory_order_relaxed);
}

void ClientShares::Give(ClientNumber client, Shared what, uint64_t amount) {
  const auto index = static_cast<size_t>(what);
  clients_[client]->held[index].fetch_sub(amount, std::memory_order_relaxed);
  totals_[index].fetch_sub(amount, std::memory_order_relaxed);
}

bool ClientShares::IsModest(ClientNumber client, uint64_t events, base::SteadyTime now) const {
  return client == kNobody || !Contended() || clients_[client]->bucket.Peek(now, events).admitted;
}

void ClientShares::Charge(ClientNumber client, uint64_t events, base::SteadyTime now) {
  if (client != kNobody) clients_[client]->bucket.TryTake(events, now);
}

double ClientShares::LargestPart(Shared what) const {
  const auto index = static_cast<size_t>(what);
  const uint64_t capacity = options_.capacities[index];
  if (capacity == 0) return 0;
  uint64_t most = 0;
  const base::MutexLock lock(mutex_);
  for (const auto& [id, client] : numbers_) most = std::max(most, clients_[client]->held[index].load());
  return static_cast<double>(most) / static_cast<double>(capacity);
}

}  // namespace ei::app
