#include "delivery/worker_pool.h"

#include <algorithm>

#include "base/mutex.h"
#include "base/thread_name.h"

namespace ei {

WorkerPool::WorkerPool(const Options& options, const DeliveryContext& context, EventSink& sink)
    : options_(options), context_(context) {
  for (size_t i = 0; i < options_.workers; ++i) {
    auto lane = std::make_unique<Lane>(sink.Lane(i));
    lane->worker = std::make_unique<DeliveryWorker>(i, context_, lane->sink, options_.dead_letter_retries,
                                                    options_.seed + i);
    lanes_.push_back(std::move(lane));
  }
  context_.journal.OnLaneFilled([this](size_t lane) { OnFilled(*lanes_[lane]); });
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Start() {
  for (auto& lane : lanes_) lane->thread = std::thread([this, raw = lane.get()] { Run(*raw); });
}

void WorkerPool::OnFilled(Lane& lane) {
  lane.filled.store(true);
  if (lane.idle.load()) lane.sink.Wake();
}

void WorkerPool::Run(Lane& lane) {
  base::NameThisThread("delivery");
  while (!lane.stop.load()) {
    const base::SteadyTime began = context_.clock.Now();
    lane.filled.store(false);
    const bool busy = lane.worker->Turn();
    base::SteadyTime until = lane.worker->NextTurn().value_or(base::SteadyTime::max());
    if (busy && !lane.hurry.load()) {
      lane.sink.Run(std::min(until, began + options_.gather));
      continue;
    }
    lane.idle.store(true);
    if (lane.filled.load()) until = began;
    lane.sink.Run(until);
    lane.idle.store(false);
  }
}

uint64_t WorkerPool::Drain(base::SteadyTime deadline) {
  constexpr auto kPollInterval = std::chrono::milliseconds(5);
  for (auto& lane : lanes_) {
    lane->hurry.store(true);
    lane->sink.Wake();
  }
  base::Mutex mutex;
  base::CondVar never;
  base::MutexLock lock(mutex);
  for (;;) {
    const base::SteadyTime now = context_.clock.Now();
    const uint64_t left = context_.journal.Events();
    if (left == 0 || now >= deadline) return left;
    never.WaitUntil(mutex, std::min(deadline, now + kPollInterval));
  }
}

void WorkerPool::Stop() {
  for (auto& lane : lanes_) {
    lane->stop.store(true);
    lane->sink.Wake();
  }
  for (auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

uint64_t WorkerPool::InFlight() const {
  uint64_t in_flight = 0;
  for (const auto& lane : lanes_) in_flight += lane->sink.InFlight();
  return in_flight;
}

uint64_t WorkerPool::Waiting() const {
  uint64_t waiting = 0;
  for (const auto& lane : lanes_) {
    const uint64_t taken = lane->worker->Taken();
    waiting += taken - std::min(taken, lane->sink.InFlight());
  }
  return waiting;
}

}  // namespace ei
