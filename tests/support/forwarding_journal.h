#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "journal/journal.h"

namespace ei::support {

// Passes every call to another journal, which must outlive this object; a base class for journals that change
// some calls. As thread-safe as the other journal.
class ForwardingJournal : public ei::Journal {
 public:
  explicit ForwardingJournal(ei::Journal& inner) : inner_(inner) {}

  using ei::Journal::Append;
  Appended Append(const AppendRequest& request, base::SteadyTime now) override {
    return inner_.Append(request, now);
  }
  bool Forget(Waiter& waiter) override { return inner_.Forget(waiter); }
  uint64_t DurableEnd() const override { return inner_.DurableEnd(); }
  void OnFailed(std::function<void()> notify) override { inner_.OnFailed(std::move(notify)); }
  bool Failed() const override { return inner_.Failed(); }
  bool Full(uint64_t bytes) const override { return inner_.Full(bytes); }
  bool TooManyAwaited() const override { return inner_.TooManyAwaited(); }
  bool AboveHighWatermark() const override { return inner_.AboveHighWatermark(); }
  void SetStalls(std::vector<StalledTopic> stalls) override { inner_.SetStalls(std::move(stalls)); }
  size_t Take(size_t lane, std::span<JournalEvent> out) override { return inner_.Take(lane, out); }
  void Settle(const SettledEvents& settled) override { inner_.Settle(settled); }
  SentLog* Sent(size_t lane) override { return inner_.Sent(lane); }
  void OnLaneFilled(std::function<void(size_t lane)> wake) override { inner_.OnLaneFilled(std::move(wake)); }
  void Close() override { inner_.Close(); }
  JournalStats Stats() const override { return inner_.Stats(); }
  uint64_t Events() const override { return inner_.Events(); }

 protected:
  ei::Journal& Inner() { return inner_; }

 private:
  ei::Journal& inner_;
};

}  // namespace ei::support
