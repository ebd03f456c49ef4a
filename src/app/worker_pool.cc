#include "app/worker_pool.h"

#include <algorithm>

#include "base/thread_name.h"

namespace ei::app {

WorkerPool::WorkerPool(const Options& options, const DeliveryContext& context)
    : options_(options), context_(context) {
  for (size_t i = 0; i < options_.workers; ++i) {
    auto lane = std::make_unique<Lane>();
    lane->worker = std::make_unique<DeliveryWorker>(i, options_.delivery, context_, options_.seed + i,
                                                    [raw = lane.get()] { Wake(*raw); });
    lanes_.push_back(std::move(lane));
  }
  context_.journal.OnLaneFilled([this](size_t lane) { Wake(*lanes_[lane]); });
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Start() {
  for (auto& lane : lanes_) lane->thread = std::thread([this, raw = lane.get()] { Run(*raw); });
}

void WorkerPool::Run(Lane& lane) {
  base::NameThisThread("delivery");
  for (;;) {
    const base::SteadyTime began = context_.clock.Now();
    const auto wait = lane.worker->Turn();
    if (!AwaitNextTurn(lane, began, wait)) return;
  }
}

bool WorkerPool::AwaitNextTurn(Lane& lane, base::SteadyTime turn_began, std::optional<base::Duration> wait) {
  const base::SteadyTime next_turn = turn_began + options_.gather;
  base::MutexLock lock(lane.mutex);
  if (wait && *wait == base::Duration(0)) return !lane.stop;
  const base::SteadyTime due = wait ? context_.clock.Now() + *wait : base::SteadyTime::max();
  lane.waiting = true;
  while (!lane.woken && !lane.stop && (!wait || context_.clock.Now() < due)) {
    if (wait) {
      lane.changed.WaitUntil(lane.mutex, due);
    } else {
      lane.changed.Wait(lane.mutex);
    }
  }
  lane.waiting = false;
  while (!lane.hurry && !lane.stop && context_.clock.Now() < next_turn) {
    lane.changed.WaitUntil(lane.mutex, next_turn);
  }
  lane.woken = false;
  return !lane.stop;
}

void WorkerPool::Wake(Lane& lane) {
  bool notify;
  {
    base::MutexLock lock(lane.mutex);
    lane.woken = true;
    notify = lane.waiting;
  }
  if (notify) lane.changed.NotifyOne();
}

uint64_t WorkerPool::Drain(base::SteadyTime deadline) {
  constexpr auto kLook = std::chrono::milliseconds(5);
  for (auto& lane : lanes_) {
    {
      base::MutexLock lock(lane->mutex);
      lane->hurry = true;
    }
    Wake(*lane);
    lane->changed.NotifyOne();
  }
  base::Mutex mutex;
  base::CondVar never;
  base::MutexLock lock(mutex);
  for (;;) {
    context_.sink.Flush();
    const base::SteadyTime now = context_.clock.Now();
    const uint64_t left = context_.journal.Events();
    if (left == 0 || now >= deadline) return left;
    never.WaitUntil(mutex, std::min(deadline, now + kLook));
  }
}

void WorkerPool::Stop() {
  for (auto& lane : lanes_) {
    {
      base::MutexLock lock(lane->mutex);
      lane->stop = true;
    }
    lane->changed.NotifyOne();
  }
  for (auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

size_t WorkerPool::InFlight() const {
  size_t in_flight = 0;
  for (const auto& lane : lanes_) in_flight += lane->worker->InFlight();
  return in_flight;
}

size_t WorkerPool::Waiting() const {
  size_t waiting = 0;
  for (const auto& lane : lanes_) waiting += lane->worker->Waiting();
  return waiting;
}

}  // namespace ei::app
