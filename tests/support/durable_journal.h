#pragma once

#include <atomic>
#include <functional>

#include "app/ports/journal.h"

namespace ei::support {

// A journal whose durable end moves, and whose storage fails, when the test says so: from the test's thread,
// as from a thread of the journal's own. All else is the inner journal's.
class DurableJournal final : public app::Journal {
 public:
  explicit DurableJournal(app::Journal& inner) : inner_(inner) {}

  void MoveDurableEnd(uint64_t end) {
    durable_end_ = end;
    if (told_) told_();
  }
  // Without a word to anyone, as when the news come at the same time as a request.
  void MoveDurableEndSilently(uint64_t end) { durable_end_ = end; }
  void Fail() {
    failed_ = true;
    if (told_) told_();
  }

  app::Appended Append(const domain::EventBatch& batch, base::SteadyTime now) override {
    if (failed_) return {app::AppendResult::kFailed};
    return inner_.Append(batch, now);
  }
  uint64_t DurableEnd() const override { return durable_end_; }
  void OnDurable(std::function<void()> told) override { told_ = std::move(told); }
  bool Failed() const override { return failed_; }
  bool Full(uint64_t bytes) const override { return inner_.Full(bytes); }
  bool Crowded() const override { return inner_.Crowded(); }
  size_t Take(size_t lane, std::span<app::JournalEvent> out) override { return inner_.Take(lane, out); }
  void Settle(const app::SettledEvents& settled) override { inner_.Settle(settled); }
  void OnLaneFilled(std::function<void(size_t lane)> wake) override { inner_.OnLaneFilled(std::move(wake)); }
  void Close() override { inner_.Close(); }
  app::JournalStats Stats() const override { return inner_.Stats(); }
  uint64_t Events() const override { return inner_.Events(); }

 private:
  app::Journal& inner_;
  std::atomic<uint64_t> durable_end_{0};
  std::atomic<bool> failed_{false};
  std::function<void()> told_;
};

}  // namespace ei::support
