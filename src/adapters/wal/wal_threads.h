#pragma once

#include <array>
#include <functional>
#include <thread>

#include "adapters/wal/wal_journal.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/time.h"

namespace ei::wal {

// The threads of a log's journal, one a role. Start and Stop belong to one owner thread.
class WalThreads {
 public:
  struct Options {
    // The least time between the beginnings of two commits of a busy log. It gathers more requests into one
    // sync, which is what a commit costs; a log that was idle commits at once.
    base::Duration commit_interval{0};
    // Called after each commit with the time that its write and its sync took.
    std::function<void(base::Duration took)> committed = [](base::Duration) {};
  };

  WalThreads(WalJournal& journal, const Clock& clock, Options options);
  ~WalThreads() { Stop(); }
  WalThreads(const WalThreads&) = delete;
  WalThreads& operator=(const WalThreads&) = delete;

  void Start();

  // Commits what was appended, unless the disk refuses it, saves a checkpoint, and joins the threads. The
  // journal is closed by then.
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
  // False: stop.
  bool AwaitWork(Runner& runner, Work last, base::SteadyTime not_before);
  void Wake(WalJournal::Role role);
  Runner& RunnerOf(WalJournal::Role role) { return runners_[static_cast<size_t>(role)]; }

  WalJournal& journal_;
  const Clock& clock_;
  const Options options_;
  std::array<Runner, 3> runners_;
};

}  // namespace ei::wal
