#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <unordered_set>
#include <utility>

#include "app/ports/journal.h"

namespace ei::support {

// Watches a journal: each event is taken once and settled once, after it was taken. Not thread-safe.
class CheckedJournal final : public app::Journal {
 public:
  explicit CheckedJournal(app::Journal& journal) : journal_(journal) {}

  app::Appended Append(const domain::EventBatch& batch, base::SteadyTime now) override {
    const app::Appended appended = journal_.Append(batch, now);
    if (appended == app::AppendResult::kAppended) {
      accepted_ += batch.Size();
      EXPECT_TRUE(end_ == 0 || appended.end == end_ + batch.Size()) << "positions are given in order";
      end_ = appended.end;
      for (uint64_t i = batch.Size(); i > 0; --i) waiting_.insert(waiting_.end(), end_ - i);
    }
    return appended;
  }
  uint64_t DurableEnd() const override { return journal_.DurableEnd(); }
  void OnDurable(std::function<void()> told) override { journal_.OnDurable(std::move(told)); }
  bool Failed() const override { return journal_.Failed(); }
  bool Full(uint64_t bytes) const override { return journal_.Full(bytes); }
  bool Crowded() const override { return journal_.Crowded(); }
  size_t Take(size_t lane, std::span<app::JournalEvent> out) override {
    const size_t count = journal_.Take(lane, out);
    for (size_t i = 0; i < count; ++i) EXPECT_TRUE(taken_.insert(out[i].position).second) << "taken twice";
    return count;
  }
  size_t Compact(std::span<app::JournalEvent> events) override { return journal_.Compact(events); }
  void Settle(std::span<const uint64_t> positions) override {
    for (const uint64_t position : positions) {
      EXPECT_EQ(taken_.erase(position), 1U) << "settled twice, or never taken: " << position;
      waiting_.erase(position);
    }
    settled_ += positions.size();
    journal_.Settle(positions);
  }
  void OnLaneFilled(std::function<void(size_t lane)> wake) override {
    journal_.OnLaneFilled(std::move(wake));
  }
  void Close() override { journal_.Close(); }
  app::JournalStats Stats() const override { return journal_.Stats(); }
  uint64_t Events() const override { return journal_.Events(); }

  uint64_t Accepted() const { return accepted_; }
  uint64_t End() const { return end_; }  // of the last batch
  uint64_t Settled() const { return settled_; }
  // Whether one of these positions was appended here and is not settled.
  bool Waits(uint64_t begin, uint64_t end) const {
    const auto first = waiting_.lower_bound(begin);
    return first != waiting_.end() && *first < end;
  }

 private:
  app::Journal& journal_;
  std::unordered_set<uint64_t> taken_;
  std::set<uint64_t> waiting_;
  uint64_t accepted_ = 0;
  uint64_t end_ = 0;
  uint64_t settled_ = 0;
};

}  // namespace ei::support
