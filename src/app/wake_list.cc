#include "app/wake_list.h"

#include <utility>

namespace ei::app {

size_t WakeList::Add(std::function<void()> wake) {
  base::MutexLock lock(mutex_);
  wakes_.push_back(std::move(wake));
  return wakes_.size() - 1;
}

void WakeList::Remove(size_t number) {
  base::MutexLock lock(mutex_);
  wakes_[number] = nullptr;
}

void WakeList::Call(size_t number) {
  base::MutexLock lock(mutex_);
  if (wakes_[number]) wakes_[number]();
}

void WakeList::CallAll() {
  base::MutexLock lock(mutex_);
  for (const auto& wake : wakes_) {
    if (wake) wake();
  }
}

}  // namespace ei::app
