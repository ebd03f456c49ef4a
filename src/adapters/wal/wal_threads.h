#pragma once

#include <array>
#include <functional>
#include <thread>

#include "adapters/wal/wal_journal.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/time.h"

namespace ei::wal {

// Runs the roles of a WalJournal, each on its own thread. Start and Stop must be called by one owner thread.
class WalThreads {
 public:
  struct Options {
    // The minimum time between the starts of two commits while the log is busy. Collects more requests into
    // one sync, which dominates the cost of a commit. An idle log commits at once.
    base::Duration commit_interval{0};
    // Called after each commit with the time that its write and sync took. Runs on the commit thread.
    std::function<void(base::Duration took)> committed = [](base::Duration) {};
  };

  WalThreads(WalJournal& journal, const Clock& clock, Options options);
  ~WalThreads() { Stop(); }
  WalThreads(const WalThreads&) = delete;
  WalThreads& operator=(const WalThreads&) = delete;

  void Start();

  // Commits all appended events unless the disk fails, saves a checkpoint, and joins the threads. The journal
  // must be closed before.
  void Stop();

 private:
  struct Runner {
    std::thread thread;
    base::Mutex mutex;
    base::CondVar changed;
    bool woken GUARDED_BY(mutex) = false;
    bool stop GUARDED_BY(mutex) = false;
  };

  void Run(WalJournal::Role role);
  Work Step(WalJournal::Role role);
  // Waits until the role has work again, after kDone not before `not_before`. A pause after kLater ends at
  // `not_before`, or earlier if the role is woken. Returns false when the thread must end.
  bool AwaitWork(Runner& runner, Work last, base::SteadyTime not_before);
  void Wake(WalJournal::Role role);
  Runner& RunnerOf(WalJournal::Role role) { return runners_[static_cast<size_t>(role)]; }

  WalJournal& journal_;
  const Clock& clock_;
  const Options options_;
  std::array<Runner, 3> runners_;
};

}  // namespace ei::wal
