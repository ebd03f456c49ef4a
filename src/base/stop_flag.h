#pragma once

#include "base/mutex.h"

namespace ei::base {

// Tells a thread that works from time to time to end. Thread-safe.
class StopFlag {
 public:
  void Set() EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      set_ = true;
    }
    changed_.NotifyAll();
  }

  bool IsSet() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return set_;
  }

  // Returns false at `time`, or true as soon as the flag is set.
  bool WaitUntil(SteadyTime time) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (!set_ && changed_.WaitUntil(mutex_, time)) {
    }
    return set_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool set_ GUARDED_BY(mutex_) = false;
};

}  // namespace ei::base
