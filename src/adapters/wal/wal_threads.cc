#include "adapters/wal/wal_threads.h"

#include <utility>

#include "base/thread_name.h"

namespace ei::wal {

namespace {

constexpr auto kPause = std::chrono::milliseconds(20);  // before a role retries after Work::kLater

std::string_view NameOf(WalJournal::Role role) {
  switch (role) {
    case WalJournal::Role::kCommit: return "wal-commit";
    case WalJournal::Role::kReadBack: return "wal-readback";
    case WalJournal::Role::kHousekeep: return "wal-housekeep";
  }
  return "wal";
}

}  // namespace

WalThreads::WalThreads(WalJournal& journal, const Clock& clock, Options options)
    : journal_(journal), clock_(clock), options_(std::move(options)) {
  journal_.OnWork([this](WalJournal::Role role) { Wake(role); });
}

void WalThreads::Start() {
  for (const auto role :
       {WalJournal::Role::kCommit, WalJournal::Role::kReadBack, WalJournal::Role::kHousekeep}) {
    RunnerOf(role).thread = std::thread([this, role] { Run(role); });
  }
}

void WalThreads::Run(WalJournal::Role role) {
  base::NameThisThread(NameOf(role));
  Runner& runner = RunnerOf(role);
  for (;;) {
    const base::SteadyTime began = clock_.Now();
    const Work work = Step(role);
    base::SteadyTime not_before = began;
    if (work == Work::kLater) not_before = clock_.Now() + kPause;
    if (work == Work::kDone && role == WalJournal::Role::kCommit) {
      options_.committed(clock_.Now() - began);
      not_before = began + options_.commit_interval;
    }
    if (!AwaitWork(runner, work, not_before)) return;
  }
}

Work WalThreads::Step(WalJournal::Role role) {
  switch (role) {
    case WalJournal::Role::kCommit: return journal_.Commit();
    case WalJournal::Role::kReadBack: return journal_.ReadBack();
    case WalJournal::Role::kHousekeep: return journal_.Housekeep();
  }
  return Work::kIdle;
}

bool WalThreads::AwaitWork(Runner& runner, Work last, base::SteadyTime not_before) {
  base::MutexLock lock(runner.mutex);
  while (last == Work::kIdle && !runner.woken && !runner.stop) runner.changed.Wait(runner.mutex);
  // A wake ends a pause early (for example when the last prepared segment was begun), but not the interval
  // between commits.
  while (last != Work::kIdle && !(last == Work::kLater && runner.woken) && !runner.stop &&
         clock_.Now() < not_before) {
    runner.changed.WaitUntil(runner.mutex, not_before);
  }
  // A wake that came with or before the stop means that there is still work to do.
  const bool woken = std::exchange(runner.woken, false);
  return !runner.stop || woken || last == Work::kDone;
}

void WalThreads::Wake(WalJournal::Role role) {
  Runner& runner = RunnerOf(role);
  {
    base::MutexLock lock(runner.mutex);
    runner.woken = true;
  }
  runner.changed.NotifyOne();
}

void WalThreads::Stop() {
  for (Runner& runner : runners_) {
    {
      base::MutexLock lock(runner.mutex);
      runner.stop = true;
    }
    runner.changed.NotifyOne();
  }
  for (Runner& runner : runners_) {
    if (runner.thread.joinable()) runner.thread.join();
  }
  journal_.Finish();
}

}  // namespace ei::wal
