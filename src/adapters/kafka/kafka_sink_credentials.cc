// The sink's side of changing credentials.

#include <utility>

#include "adapters/kafka/kafka_sink.h"

namespace ei::kafka {

namespace {

constexpr int kRoundsMax = 5;  // that a new producer waits for the one before

}  // namespace

void KafkaSink::OnFault(std::string_view code) {
  if (telemetry_ != nullptr) telemetry_->SinkFault(code);
}

std::vector<std::shared_ptr<Producer>> KafkaSink::Producers() {
  const base::MutexLock lock(mutex_);
  std::vector<std::shared_ptr<Producer>> producers;
  for (const Chosen& chosen : chosen_) {
    for (const auto& producer : {chosen.producer, chosen.next}) {
      if (producer != nullptr) producers.push_back(producer);
    }
  }
  return producers;
}

void KafkaSink::OnPassword(const std::string& password) {
  for (const auto& producer : Producers()) producer->UsePassword(options_.security.username, password);
}

base::Result<void> KafkaSink::OnToken(const app::AccessToken& token) {
  {
    const base::MutexLock lock(mutex_);
    token_ = token;
  }
  for (const auto& producer : Producers()) {
    if (auto taken = producer->UseToken(token); !taken) return taken;
  }
  return {};
}

void KafkaSink::OnNoToken(const base::Error& error) {
  if (error.kind == base::ErrorKind::kInvalid) {
    for (const auto& producer : Producers()) producer->RefusedBySource(error.message);
  } else {
    OnFault("token_unavailable");
  }
  token_missed_.store(true, std::memory_order_release);
}

base::Result<void> KafkaSink::OnCertificates() {
  std::vector<std::shared_ptr<Producer>> outdated;  // end after the lock is released
  const base::MutexLock lock(mutex_);
  for (const Kind kind : {Kind::kTogether, Kind::kLimited, Kind::kAlone}) {
    if (Of(kind).producer == nullptr) continue;
    auto next = PrepareNext(kind);
    if (!next) return std::unexpected(next.error());
    outdated.push_back(std::move(*next));
  }
  return {};
}

base::Result<std::shared_ptr<Producer>> KafkaSink::PrepareNext(Kind kind) {
  auto made = MakeProducer(kind);
  if (!made) return made;
  Of(kind).rounds = 0;
  Of(kind).next_since = std::chrono::steady_clock::now();  // ban-ok(clock): waits for librdkafka's threads
  return std::exchange(Of(kind).next, std::move(*made));
}

void KafkaSink::OnRound() {
  std::vector<std::shared_ptr<Producer>> retired;  // end after the lock is released
  const base::MutexLock lock(mutex_);
  for (Chosen& chosen : chosen_) {
    if (chosen.next == nullptr) continue;
    ++chosen.rounds;
    // One that the brokers refuse can't finish; what it holds is given back by its end.
    const bool stuck =
        chosen.producer->Status().contact != app::Contact::kReached || chosen.producer->Status().refused;
    retired.push_back(TakeOver(chosen, /*at_once=*/stuck || chosen.rounds > kRoundsMax));
  }
}

void KafkaSink::RememberContact(const Producer& producer) const {
  if (producer.Status().contact == app::Contact::kReached) reached_.store(true, std::memory_order_relaxed);
}

// Only this lock gives producers out: while the sink alone holds one, nobody is about to hand it a record.
std::shared_ptr<Producer> KafkaSink::TakeOver(Chosen& chosen, bool at_once) {
  if (!at_once && (chosen.producer.use_count() > 1 || !chosen.producer->Idle())) return nullptr;
  if (at_once) chosen.producer->Break();
  RememberContact(*chosen.producer);
  ++chosen.number;
  return std::exchange(chosen.producer, std::exchange(chosen.next, nullptr));
}

}  // namespace ei::kafka
