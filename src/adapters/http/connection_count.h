#pragma once

#include <atomic>
#include <cstddef>

#include "base/mutex.h"

namespace ei::http {

// Counts the open connections of all loops, and how many of them hold a slot (one of connections_max).
// Connections that are rejected or linger hold no slot. Thread-safe.
class ConnectionCount {
 public:
  void Add() { open_.fetch_add(1, std::memory_order_relaxed); }

  void Remove() {
    if (open_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    base::MutexLock lock(mutex_);
    none_open_.NotifyAll();
  }

  void AcquireSlot() { held_slots_.fetch_add(1, std::memory_order_relaxed); }
  void ReleaseSlot() { held_slots_.fetch_sub(1, std::memory_order_relaxed); }
  size_t HeldSlots() const { return held_slots_.load(std::memory_order_relaxed); }

  size_t Open() const { return open_.load(std::memory_order_acquire); }

  // Blocks until no connection is open, at most until `deadline` on the real steady clock.
  void AwaitNone(base::SteadyTime deadline) {
    base::MutexLock lock(mutex_);
    // ban-ok(clock): waits for real threads
    while (Open() > 0 && std::chrono::steady_clock::now() < deadline) none_open_.WaitUntil(mutex_, deadline);
  }

 private:
  std::atomic<size_t> open_{0};
  std::atomic<size_t> held_slots_{0};
  base::Mutex mutex_;
  base::CondVar none_open_;
};

}  // namespace ei::http
