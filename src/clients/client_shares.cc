#include "clients/client_shares.h"

#include <algorithm>

namespace ei {

namespace {

constexpr ClientNumber kAnonymous = 0;
constexpr ClientNumber kOverflow = 1;  // all clients beyond clients_max
constexpr auto kRemembered = std::chrono::minutes(1);
constexpr base::Duration kUnreadMax = std::chrono::seconds(1);
constexpr base::Duration kSentAtStep = std::chrono::seconds(1);
// A sweep checks at most kSweepMax clients at a time, so that no request waits long for it. All clients are
// checked within a few seconds.
constexpr base::Duration kSweepInterval = std::chrono::milliseconds(50);
constexpr size_t kSweepMax = 1'000;

int64_t NanosOf(base::SteadyTime time) { return time.time_since_epoch().count(); }

}  // namespace

ClientShares::ClientShares(const Options& options)
    : options_(options),
      reserved_(options.rate, options.burst / static_cast<double>(kReserveFraction)),
      clients_(options.clients_max + 2) {
  for (const ClientNumber always : {kAnonymous, kOverflow}) {
    clients_[always] = std::make_unique<Client>(options.rate / kReserveFraction,
                                                options.burst / static_cast<double>(kReserveFraction));
  }
  made_ = 2;
}

ClientShares::ClientHandle ClientShares::Enter(std::string_view identity, base::SteadyTime now,
                                               const ClientLimits& limits) {
  const base::Hash128 id = base::SipHash128(options_.key, identity);
  const base::MutexLock lock(mutex_);
  SweepSome(now);
  const auto found = numbers_.find(id);
  const ClientNumber client = found != numbers_.end() ? found->second : Admit(id);
  ++clients_[client]->handles;
  if (client != kOverflow) SetLimits(*clients_[client], limits);
  return {*this, client};
}

void ClientShares::SetLimits(Client& client, const ClientLimits& limits) {
  const auto set = [&client](Shared what, uint64_t max) {
    client.max[static_cast<size_t>(what)].store(max, std::memory_order_relaxed);
  };
  set(Shared::kReadBytes, limits.inflight_bytes_max.value_or(0));
  for (const Shared what : {Shared::kJournalEvents, Shared::kJournalBytes}) {
    const auto capacity = static_cast<double>(options_.capacities[static_cast<size_t>(what)]);
    set(what, static_cast<uint64_t>(capacity * limits.journal_part.value_or(0)));
  }
}

ClientNumber ClientShares::Admit(const base::Hash128& id) {
  ClientNumber number = kOverflow;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
    clients_[number]->bucket.Refill();
  } else if (made_ < clients_.size()) {
    number = static_cast<ClientNumber>(made_++);
    clients_[number] = std::make_unique<Client>(options_.rate / kReserveFraction,
                                                options_.burst / static_cast<double>(kReserveFraction));
  } else {
    return number;
  }
  clients_[number]->id = id;
  clients_[number]->known = true;
  numbers_.emplace(id, number);
  present_.store(numbers_.size(), std::memory_order_relaxed);
  return number;
}

void ClientShares::NoteSender(ClientNumber client, base::SteadyTime now) {
  if (NanosOf(now) >= sweep_at_.load(std::memory_order_relaxed)) {
    const base::MutexLock lock(mutex_);
    SweepSome(now);
  }
  if (client == kAnonymous) return;
  Client& sender = *clients_[client];
  if (NanosOf(now) >= sender.sent_at.load(std::memory_order_relaxed) + kSentAtStep.count())
    sender.sent_at.store(NanosOf(now), std::memory_order_relaxed);
  if (sender.sends.load(std::memory_order_relaxed)) return;
  const base::MutexLock lock(mutex_);
  sender.sent_at.store(NanosOf(now), std::memory_order_relaxed);
  if (!sender.sends.exchange(true, std::memory_order_relaxed))
    senders_.fetch_add(1, std::memory_order_relaxed);
}

void ClientShares::SweepSome(base::SteadyTime now) {
  if (NanosOf(now) < sweep_at_.load(std::memory_order_relaxed)) return;
  sweep_at_.store(NanosOf(now + kSweepInterval), std::memory_order_relaxed);
  for (size_t left = std::min(kSweepMax, made_); left > 0; --left) {
    last_swept_ = last_swept_ + 1 < made_ ? last_swept_ + 1 : 0;
    Sweep(static_cast<ClientNumber>(last_swept_), now);
  }
}

// Stops counting the client as a sender and releases its number, as far as the client needs neither any more.
void ClientShares::Sweep(ClientNumber number, base::SteadyTime now) {
  Client& client = *clients_[number];
  const auto holds = [&client](Shared what) { return client.held[static_cast<size_t>(what)].load() > 0; };
  const bool holds_events = holds(Shared::kJournalEvents) || holds(Shared::kJournalBytes) ||
                            holds(Shared::kUnsyncedBytes) || holds(Shared::kAwaitedEvents);
  if (client.sends.load(std::memory_order_relaxed)) {
    const base::Duration silent(NanosOf(now) - client.sent_at.load(std::memory_order_relaxed));
    if (holds_events || silent < kRemembered) return;
    client.sends.store(false, std::memory_order_relaxed);
    senders_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (!client.known || client.handles > 0 || holds_events) return;
  client.known = false;
  numbers_.erase(client.id);
  free_.push_back(number);
  present_.store(numbers_.size(), std::memory_order_relaxed);
}

void ClientShares::Leave(ClientNumber client) {
  const base::MutexLock lock(mutex_);
  --clients_[client]->handles;
}

// Returns whether a part of the resource has to be reserved for other clients. Connections are always
// reserved, and memory for reading as soon as another client is connected, because a client needs both before
// it can send events.
bool ClientShares::IsShared(Shared what) const {
  if (what == Shared::kConnections) return true;
  return what == Shared::kReadBytes ? present_.load(std::memory_order_relaxed) > 1 : Contended();
}

bool ClientShares::Allows(ClientNumber client, Shared what, uint64_t amount) const {
  if (client == kAnonymous) return true;
  const auto index = static_cast<size_t>(what);
  const uint64_t held = clients_[client]->held[index].load(std::memory_order_relaxed) + amount;
  const uint64_t own_max = clients_[client]->max[index].load(std::memory_order_relaxed);
  if (own_max > 0 && held > own_max) return false;
  return !IsShared(what) || LeavesReserve(client, what, amount);
}

bool ClientShares::LeavesReserve(ClientNumber client, Shared what, uint64_t amount) const {
  if (client == kAnonymous) return true;
  const auto index = static_cast<size_t>(what);
  const uint64_t held = clients_[client]->held[index].load(std::memory_order_relaxed) + amount;
  const uint64_t capacity = options_.capacities[index];
  if (capacity == 0 || held <= capacity / kReserveFraction) return true;
  return totals_[index].load(std::memory_order_relaxed) + amount <= capacity - capacity / kReserveFraction;
}

bool ClientShares::EverAllows(ClientNumber client, Shared what, uint64_t amount) const {
  const auto index = static_cast<size_t>(what);
  const uint64_t own_max = clients_[client]->max[index].load(std::memory_order_relaxed);
  if (own_max > 0 && amount > own_max) return false;
  const uint64_t capacity = options_.capacities[index];
  return capacity == 0 || amount <= capacity - capacity / kReserveFraction;
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

uint64_t ClientShares::Left(Shared what) const {
  const auto index = static_cast<size_t>(what);
  const uint64_t total = totals_[index].load(std::memory_order_relaxed);
  return options_.capacities[index] - std::min(options_.capacities[index], total);
}

bool ClientShares::StaysBelowItsRate(ClientNumber client, uint64_t events, base::SteadyTime now) const {
  const TokenBucket& bucket = clients_[client]->bucket;
  return static_cast<double>(events) <= bucket.Burst() && bucket.Peek(now, events).admitted;
}

bool ClientShares::WithinFairShare(ClientNumber client, uint64_t events, base::SteadyTime now) const {
  return client == kAnonymous || !Contended() || StaysBelowItsRate(client, events, now);
}

bool ClientShares::TakeReserved(ClientNumber client, uint64_t events, base::SteadyTime now) {
  if (client == kAnonymous || !StaysBelowItsRate(client, events, now)) return false;
  return reserved_.TryTake(events, now).admitted && clients_[client]->bucket.TryTake(events, now).admitted;
}

bool ClientShares::PeekReserved(ClientNumber client, base::SteadyTime now) const {
  return client != kAnonymous && StaysBelowItsRate(client, 1, now) && reserved_.Peek(now).admitted;
}

void ClientShares::Charge(ClientNumber client, uint64_t events, base::SteadyTime now) {
  if (client != kAnonymous) clients_[client]->bucket.Charge(events, now, kRemembered);
}

void ClientShares::NoteRefused(ClientNumber client, base::Duration time_of_events, base::SteadyTime now) {
  if (client == kAnonymous) return;
  std::atomic<int64_t>& until = clients_[client]->unread_until;
  until.store(
      std::max(until.load(std::memory_order_relaxed), NanosOf(now + std::min(time_of_events, kUnreadMax))),
      std::memory_order_relaxed);
}

base::Duration ClientShares::UnreadFor(ClientNumber client, base::SteadyTime now) const {
  const int64_t until = clients_[client]->unread_until.load(std::memory_order_relaxed);
  return base::Duration(std::max<int64_t>(0, until - NanosOf(now)));
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

}  // namespace ei
