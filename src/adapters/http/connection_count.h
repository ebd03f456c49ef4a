#pragma once

#include <atomic>
#include <cstddef>

#include "base/mutex.h"

namespace ei::http {

// The open connections of all loops, and how many of them hold one of the places that there are: those that
// are refused or only linger hold none. Thread-safe.
class ConnectionCount {
 public:
  void Add() { open_.fetch_add(1, std::memory_order_relaxed); }

  void Remove() {
    if (open_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    base::MutexLock lock(mutex_);
    none_open_.NotifyAll();
  }

  void TakePlace() { held_.fetch_add(1, std::memory_order_relaxed); }
  void GivePlace() { held_.fetch_sub(1, std::memory_order_relaxed); }
  size_t Held() const { return held_.load(std::memory_order_relaxed); }

  size_t Open() const { return open_.load(std::memory_order_acquire); }

  // Until there is none, at most until `deadline` on the real steady clock.
  void AwaitNone(base::SteadyTime deadline) {
    base::MutexLock lock(mutex_);
    // ban-ok(clock): waits for real threads
    while (Open() > 0 && std::chrono::steady_clock::now() < deadline) none_open_.WaitUntil(mutex_, deadline);
  }

 private:
  std::atomic<size_t> open_{0};
  std::atomic<size_t> held_{0};
  base::Mutex mutex_;
  base::CondVar none_open_;
};

}  // namespace ei::http
