#pragma once

#include <memory>
#include <utility>

#include "adapters/wal/wal_journal.h"
#include "support/forwarding_journal.h"

namespace ei::support {

// Does all of the journal's disk work that can be done now, in one thread. Work::kPaused ends it.
inline void RunIdle(wal::WalJournal& journal) {
  bool done = true;
  while (done) {
    done = false;
    for (const wal::Work work : {journal.Commit(), journal.ReadBack(), journal.Housekeep()}) {
      done |= work == wal::Work::kDone;
    }
  }
}

// A WAL journal that has done its disk work when Append and Settle return: appended events are durable and
// can be taken, and the space of settled events is free. Not thread-safe.
class SteppedWal final : public ForwardingJournal {
 public:
  explicit SteppedWal(std::unique_ptr<wal::WalJournal> journal)
      : ForwardingJournal(*journal), journal_(std::move(journal)) {
    RunIdle(*journal_);
  }

  using ForwardingJournal::Append;
  Appended Append(const AppendRequest& request, base::SteadyTime now) override {
    const Appended appended = journal_->Append(request, now);
    RunIdle(*journal_);
    return appended;
  }
  void Settle(const SettledEvents& settled) override {
    journal_->Settle(settled);
    RunIdle(*journal_);
  }

 private:
  const std::unique_ptr<wal::WalJournal> journal_;
};

}  // namespace ei::support
