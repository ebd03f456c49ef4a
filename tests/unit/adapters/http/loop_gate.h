#pragma once

#include <condition_variable>
#include <mutex>
#include <string>

namespace ei::http {

// Blocks an event loop within a request for /metrics until the gate is opened, so that a test knows which
// input the loop has not processed yet.
class LoopGate {
 public:
  std::string Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    return "# passed\n";
  }
  // Blocks until that many loops wait at the gate.
  void AwaitWaiting(int loops) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= loops; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

}  // namespace ei::http
