#include "clients/client_shares.h"

#include <algorithm>

namespace ei {

namespace {

constexpr ClientNumber kNobody = 0;
constexpr ClientNumber kCrowd = 1;  // all that are too many to be told apart
constexpr auto kRemembered = std::chrono::minutes(1);
constexpr base::Duration kUnreadMax = std::chrono::seconds(1);
constexpr base::Duration kSentAtStep = std::chrono::seconds(1);
// All clients are looked at within some seconds, and a request never waits for more than some.
constexpr base::Duration kLookInterval = std::chrono::milliseconds(50);
constexpr size_t kLookMax = 1'000;

int64_t NanosOf(base::SteadyTime time) { return time.time_since_epoch().count(); }

}  // namespace

ClientShares::ClientShares(const Options& options)
    : options_(options),
      reserved_(options.rate, options.burst / static_cast<double>(kReserveFraction)),
      clients_(options.clients_max + 2) {
  for (const ClientNumber always : {kNobody, kCrowd}) {
    clients_[always] = std::make_unique<Client>(options.rate / kReserveFraction,
                                                options.burst / static_cast<double>(kReserveFraction));
  }
  made_ = 2;
}

ClientShares::ClientHandle ClientShares::Enter(std::string_view identity, base::SteadyTime now) {
  const base::Hash128 id = base::SipHash128(options_.key, identity);
  const base::MutexLock lock(mutex_);
  SweepSome(now);
  const auto found = numbers_.find(id);
  const ClientNumber client = found != numbers_.end() ? found->second : Admit(id);
  ++clients_[client]->guests;
  return {*this, client};
}

ClientNumber ClientShares::Admit(const base::Hash128& id) {
  ClientNumber number = kCrowd;
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
  if (client == kNobody) return;
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
  sweep_at_.store(NanosOf(now + kLookInterval), std::memory_order_relaxed);
  for (size_t looks = std::min(kLookMax, made_); looks > 0; --looks) {
    next_sweep_ = next_sweep_ + 1 < made_ ? next_sweep_ + 1 : 0;
    Sweep(static_cast<ClientNumber>(next_sweep_), now);
  }
}

// It ends to count, or to have a number.
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
  if (!client.known || client.guests > 0 || holds_events) return;
  client.known = false;
  numbers_.erase(client.id);
  free_.push_back(number);
  present_.store(numbers_.size(), std::memory_order_relaxed);
}

void ClientShares::Leave(ClientNumber client) {
  const base::MutexLock lock(mutex_);
  --clients_[client]->guests;
}

// Whether there is anybody to keep something of it for. Others need a connection and memory for a header
// before they can send.
bool ClientShares::Shares(Shared what) const {
  if (what == Shared::kConnections) return true;
  return what == Shared::kReadBytes ? present_.load(std::memory_order_relaxed) > 1 : Contended();
}

bool ClientShares::Allows(ClientNumber client, Shared what, uint64_t amount) const {
  const auto index = static_cast<size_t>(what);
  const uint64_t capacity = options_.capacities[index];
  if (client == kNobody || capacity == 0 || !Shares(what)) return true;
  if (clients_[client]->held[index].load(std::memory_order_relaxed) + amount <= capacity / kReserveFraction)
    return true;
  return totals_[index].load(std::memory_order_relaxed) + amount <= capacity - capacity / kReserveFraction;
}

bool ClientShares::EverAllows(Shared what, uint64_t amount) const {
  const uint64_t capacity = options_.capacities[static_cast<size_t>(what)];
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
  return client == kNobody || !Contended() || StaysBelowItsRate(client, events, now);
}

bool ClientShares::TakeReserved(ClientNumber client, uint64_t events, base::SteadyTime now) {
  if (client == kNobody || !StaysBelowItsRate(client, events, now)) return false;
  return reserved_.TryTake(events, now).admitted && clients_[client]->bucket.TryTake(events, now).admitted;
}

bool ClientShares::PeekReserved(ClientNumber client, base::SteadyTime now) const {
  return client != kNobody && StaysBelowItsRate(client, 1, now) && reserved_.Peek(now).admitted;
}

void ClientShares::Charge(ClientNumber client, uint64_t events, base::SteadyTime now) {
  if (client != kNobody) clients_[client]->bucket.Charge(events, now, kRemembered);
}

void ClientShares::NoteRefused(ClientNumber client, uint64_t events, base::SteadyTime now) {
  if (client == kNobody || options_.rate <= 0) return;
  const double wanted = 1e9 * static_cast<double>(events) / options_.rate;
  const auto pause = static_cast<int64_t>(std::min(wanted, static_cast<double>(kUnreadMax.count())));
  std::atomic<int64_t>& until = clients_[client]->unread_until;
  until.store(std::max(until.load(std::memory_order_relaxed), NanosOf(now) + pause),
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
