#include "bench/delay_line.h"

#include <chrono>
#include <utility>

namespace ei::bench {
namespace {
base::SteadyTime Now() { return std::chrono::steady_clock::now(); }
}  // namespace

bool DelayLine::Put(std::string_view piece) {
  const base::SteadyTime due = Now() + delay_;
  const base::MutexLock lock(mutex_);
  while (!broken_ && bytes_ + piece.size() > kBytesMax) changed_.Wait(mutex_);
  if (broken_) return false;
  bytes_ += piece.size();
  pieces_.push_back({.due = due, .bytes = std::string(piece)});
  changed_.NotifyAll();
  return true;
}

void DelayLine::End() {
  const base::MutexLock lock(mutex_);
  ended_ = true;
  changed_.NotifyAll();
}

std::optional<std::string> DelayLine::Take() {
  const base::MutexLock lock(mutex_);
  while (!broken_) {
    if (pieces_.empty()) {
      if (ended_) return std::nullopt;
      changed_.Wait(mutex_);
    } else if (pieces_.front().due > Now()) {
      changed_.WaitUntil(mutex_, pieces_.front().due);
    } else {
      std::string bytes = std::move(pieces_.front().bytes);
      pieces_.pop_front();
      bytes_ -= bytes.size();
      changed_.NotifyAll();
      return bytes;
    }
  }
  return std::nullopt;
}

void DelayLine::Break() {
  const base::MutexLock lock(mutex_);
  broken_ = true;
  changed_.NotifyAll();
}

}  // namespace ei::bench
