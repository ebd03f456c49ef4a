#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "journal/event_runs.h"
#include "journal/idempotency_window.h"
#include "journal/journal.h"
#include "support/forwarding_journal.h"
#include "support/taken_events.h"

namespace ei::support {

// Wraps a journal and checks that each event is taken once and then settled once, with the client and
// acceptance time it was taken with. The views of taken events show other bytes after the next Take of their
// lane. Not thread-safe.
class CheckedJournal final : public ForwardingJournal {
 public:
  explicit CheckedJournal(ei::Journal& journal) : ForwardingJournal(journal) {}

  using ForwardingJournal::Append;
  Appended Append(const AppendRequest& request, base::SteadyTime now) override {
    const Appended appended = Inner().Append(request, now);
    const uint64_t repeats = request.dedup == nullptr ? 0 : request.dedup->repeats.size();
    const uint64_t stored = request.batch.Size() - repeats;
    if (appended == AppendResult::kAppended && stored > 0) {
      accepted_ += stored;
      EXPECT_TRUE(end_ == 0 || appended.end == end_ + stored) << "positions are given in order";
      end_ = appended.end;
      for (uint64_t i = stored; i > 0; --i) waiting_.insert(waiting_.end(), end_ - i);
    }
    return appended;
  }
  size_t Take(size_t lane, std::span<JournalEvent> out) override {
    const size_t count = Inner().Take(lane, out);
    for (const JournalEvent& event : out.first(count)) {
      EXPECT_TRUE(taken_.emplace(event.position, ei::RunOf(event)).second) << "taken twice";
      taken_bytes_ += event.held_bytes;
    }
    Lend(lane, out.first(count));
    return count;
  }
  void Settle(const SettledEvents& settled) override {
    uint64_t events = 0;
    uint64_t bytes = 0;
    for (const EventRun& run : settled.runs) {
      events += run.events;
      bytes += run.held_bytes;
    }
    ASSERT_EQ(events, settled.positions.size()) << "the runs don't match the positions";
    RunReader runs(settled.runs);
    for (const uint64_t position : settled.positions) {
      const EventRun run = runs.Next();
      const auto taken = taken_.find(position);
      ASSERT_NE(taken, taken_.end()) << "settled twice, or never taken: " << position;
      EXPECT_EQ(run.client, taken->second.client) << position;
      EXPECT_EQ(run.accepted_at, taken->second.accepted_at) << position;
      taken_.erase(taken);
      waiting_.erase(position);
    }
    // When a run is split, its bytes are divided evenly among the parts: only the sum can be checked.
    ASSERT_LE(bytes, taken_bytes_);
    taken_bytes_ -= bytes;
    if (taken_.empty()) {
      EXPECT_EQ(taken_bytes_, 0U) << "bytes are left, but all events are settled";
    }
    settled_ += events;
    Inner().Settle(settled);
  }

  uint64_t Accepted() const { return accepted_; }
  uint64_t End() const { return end_; }  // of the last batch
  uint64_t Settled() const { return settled_; }
  // Whether one of these positions was appended here and is not settled.
  bool Waits(uint64_t begin, uint64_t end) const {
    const auto first = waiting_.lower_bound(begin);
    return first != waiting_.end() && *first < end;
  }

 private:
  // Bytes that the views of a lane's taken events point to.
  struct Lent {
    std::string valid;
    std::string ended;
  };

  void Lend(size_t lane, std::span<JournalEvent> events) {
    Lent& lent = lent_[lane];
    lent.ended = std::exchange(lent.valid, {});
    std::ranges::fill(lent.ended, '#');
    lent.valid.reserve(64);  // on the heap: longer than the small-string buffer
    for (const JournalEvent& event : events) AppendBytesOf(event, lent.valid);
    std::string_view bytes = lent.valid;
    for (JournalEvent& event : events) bytes = PointTo(bytes, event);
  }

  std::unordered_map<uint64_t, EventRun> taken_;
  uint64_t taken_bytes_ = 0;     // of the events in taken_
  std::map<size_t, Lent> lent_;  // by lane
  std::set<uint64_t> waiting_;
  uint64_t accepted_ = 0;
  uint64_t end_ = 0;
  uint64_t settled_ = 0;
};

}  // namespace ei::support
