#pragma once

#include <atomic>
#include <functional>
#include <set>

#include "base/mutex.h"
#include "journal/completions.h"
#include "journal/journal.h"
#include "support/forwarding_journal.h"

namespace ei::support {

// A journal whose durable end moves and whose storage fails when the test says so. Both calls run in the
// test's thread and act as the journal's own thread would.
class DurableJournal final : public ForwardingJournal {
 public:
  explicit DurableJournal(ei::Journal& inner) : ForwardingJournal(inner) {}

  void MoveDurableEnd(uint64_t end) {
    DueWakes wakes;
    const base::MutexLock lock(mutex_);
    durable_end_ = end;
    for_durable_.MoveDurableEnd(end, wakes);
  }
  void Fail() {
    {
      DueWakes wakes;
      const base::MutexLock lock(mutex_);
      failed_ = true;
      for_durable_.Fail(durable_end_, wakes);
    }
    if (failed_told_) failed_told_();
  }

  using ForwardingJournal::Append;
  Appended Append(const AppendRequest& request, base::SteadyTime now) override {
    if (failed_) return {AppendResult::kFailed};
    if (request.ack != AckLevel::kWal) {
      {
        const base::MutexLock lock(mutex_);
        own_.erase(request.waiter);
      }
      return Inner().Append(request, now);
    }
    const Appended appended = Inner().Append({.batch = request.batch, .dedup = request.dedup}, now);
    if (appended == AppendResult::kAppended) {
      const base::MutexLock lock(mutex_);
      own_.insert(request.waiter);
      for_durable_.Enter(request, 1, appended.end, durable_end_);
    }
    return appended;
  }
  bool Forget(Waiter& waiter) override {
    {
      const base::MutexLock lock(mutex_);
      if (own_.contains(&waiter)) return for_durable_.Forget(waiter);
    }
    return Inner().Forget(waiter);
  }
  uint64_t DurableEnd() const override { return durable_end_; }
  void OnFailed(std::function<void()> told) override { failed_told_ = std::move(told); }
  bool Failed() const override { return failed_; }

 private:
  base::Mutex mutex_;
  // Guarded by the mutex.
  Completions for_durable_{{}};
  std::set<const Waiter*> own_;  // waiters of level wal: they wait here, not in the inner journal
  std::atomic<uint64_t> durable_end_{0};
  std::atomic<bool> failed_{false};
  std::function<void()> failed_told_;
};

}  // namespace ei::support
