#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "event/routes.h"

namespace ei {

// The current routes. A reload replaces them while requests are being handled. Thread-safe.
class CurrentRoutes {
 public:
  explicit CurrentRoutes(std::shared_ptr<const Routes> routes) : routes_(std::move(routes)) {}

  void Replace(std::shared_ptr<const Routes> routes) EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    routes_ = std::move(routes);
    version_.fetch_add(1, std::memory_order_release);
  }

  // Changes with each Replace. Takes no lock, so a reader can check cheaply whether its routes are still
  // current.
  uint64_t Version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const Routes> Get() const EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    return routes_;
  }

 private:
  std::atomic<uint64_t> version_{1};
  mutable base::Mutex mutex_;
  std::shared_ptr<const Routes> routes_ GUARDED_BY(mutex_);
};

}  // namespace ei
