#include "journal/waiter.h"

namespace ei {

namespace {

constexpr size_t kResultsKept = 64;  // the memory of a larger request is freed

}  // namespace

void Waiter::Cancel() {
  if (!std::exchange(waits_, false)) return;
  if (!journal_.Forget(*this)) queue_->Remove(*this);
}

void Waiter::Reset() {
  Cancel();
  results_.clear();
  earlier_.clear();
  if (results_.capacity() > kResultsKept) results_.shrink_to_fit();
  if (earlier_.capacity() > kResultsKept) earlier_.shrink_to_fit();
}

bool CompletionQueue::Push(Waiter& waiter) {
  Waiter* newest = pushed_.load(std::memory_order_relaxed);
  do {
    waiter.pushed_before_ = newest;
  } while (
      !pushed_.compare_exchange_weak(newest, &waiter, std::memory_order_acq_rel, std::memory_order_relaxed));
  return newest == nullptr;
}

void CompletionQueue::Wake() {
  const base::MutexLock lock(mutex_);
  if (wake_) wake_();
}

void CompletionQueue::Close() {
  const base::MutexLock lock(mutex_);
  wake_ = nullptr;
}

void CompletionQueue::Collect() {
  auto at = collected_.end();
  for (Waiter* waiter = pushed_.exchange(nullptr, std::memory_order_acquire); waiter != nullptr;
       waiter = waiter->pushed_before_) {
    at = collected_.insert(at, *waiter);
  }
}

Waiter* CompletionQueue::Next() {
  if (collected_.empty()) return nullptr;
  Waiter& waiter = collected_.front();
  collected_.pop_front();
  waiter.waits_ = false;
  return &waiter;
}

void CompletionQueue::Remove(Waiter& waiter) {
  Collect();
  collected_.erase(collected_.iterator_to(waiter));
}

}  // namespace ei
