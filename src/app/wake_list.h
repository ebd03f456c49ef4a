#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/mutex.h"

namespace ei::app {

// Event loops that want to be woken when there is news for them. Thread-safe. A function of the list is
// called with its lock held: it may do no more than wake its own thread.
class WakeList {
 public:
  // Returns the number to Remove and Call it by, which no other gets.
  size_t Add(std::function<void()> wake);

  // After it returns the function isn't running, and won't run again.
  void Remove(size_t number);

  void Call(size_t number);
  void CallAll();

 private:
  base::Mutex mutex_;
  std::vector<std::function<void()>> wakes_ GUARDED_BY(mutex_);  // by number; empty where one was removed
};

}  // namespace ei::app
