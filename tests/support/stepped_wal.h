#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "adapters/wal/wal_journal.h"
#include "journal/journal.h"

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
class SteppedWal final : public ei::Journal {
 public:
  explicit SteppedWal(std::unique_ptr<wal::WalJournal> journal) : journal_(std::move(journal)) {
    RunIdle(*journal_);
  }

  using ei::Journal::Append;
  Appended Append(const AppendRequest& request, base::SteadyTime now) override {
    const Appended appended = journal_->Append(request, now);
    RunIdle(*journal_);
    return appended;
  }
  bool Forget(Waiter& waiter) override { return journal_->Forget(waiter); }
  void Settle(const SettledEvents& settled) override {
    journal_->Settle(settled);
    RunIdle(*journal_);
  }
  uint64_t DurableEnd() const override { return journal_->DurableEnd(); }
  void OnFailed(std::function<void()> told) override { journal_->OnFailed(std::move(told)); }
  bool Failed() const override { return journal_->Failed(); }
  bool Full(uint64_t bytes) const override { return journal_->Full(bytes); }
  bool TooManyAwaited() const override { return journal_->TooManyAwaited(); }
  bool AboveHighWatermark() const override { return journal_->AboveHighWatermark(); }
  size_t Take(size_t lane, std::span<JournalEvent> out) override { return journal_->Take(lane, out); }
  void OnLaneFilled(std::function<void(size_t lane)> wake) override {
    journal_->OnLaneFilled(std::move(wake));
  }
  void Close() override { journal_->Close(); }
  JournalStats Stats() const override { return journal_->Stats(); }
  uint64_t Events() const override { return journal_->Events(); }

 private:
  const std::unique_ptr<wal::WalJournal> journal_;
};

}  // namespace ei::support
