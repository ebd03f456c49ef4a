#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/mutex.h"

namespace ei::base {

// The current version of an immutable object that a reload replaces while others use it. Thread-safe.
template <typename T>
class Current {
 public:
  explicit Current(std::shared_ptr<const T> object) : object_(std::move(object)) {}

  // The old object, which may be large, is freed by the caller and not under the lock.
  void Replace(std::shared_ptr<const T> object) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    object_.swap(object);
    version_.fetch_add(1, std::memory_order_release);
  }

  // Changes with each Replace. Takes no lock, so a reader can check cheaply whether its object is still
  // current. The reader must call Version before Get.
  uint64_t Version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const T> Get() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return object_;
  }

 private:
  std::atomic<uint64_t> version_{1};
  mutable Mutex mutex_;
  std::shared_ptr<const T> object_ GUARDED_BY(mutex_);
};

}  // namespace ei::base
