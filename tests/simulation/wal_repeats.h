#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/wal/wal_journal.h"
#include "base/clock.h"
#include "ingest/event_decoder.h"
#include "ingest/ingest_context.h"
#include "journal/idempotency_window.h"
#include "support/random.h"

namespace ei::simulation {

// The idempotency window of one process, and the events that it must know: those found in the log and all
// that were accepted since, until their time is over. It is larger than the number of events in any run, so
// it forgets events only because of their age.
class WalRepeats {
 public:
  WalRepeats(const wal::WalOptions& options, const Clock& clock, uint64_t seed)
      : clock_(clock),
        time_(options.retain_time),
        window_({.ids = {options.retain_events, options.retain_time, kRequestEventsMax}, .key = {seed, 1}}) {}

  // `once`: no event is in the log twice. An event that was unreadable when its client sent it again is.
  void Restore(const wal::WalJournal& journal, EventDecoder& decoder, bool once) {
    uint64_t restored = 0;
    journal.ReadRetained([&](const wal::RetainedEvent& event) {
      const auto decoded = decoder.DecodeDocument(event.value);
      ASSERT_EQ(decoded.events.size(), 1U) << event.value;
      ASSERT_TRUE(event.named && event.written);
      window_.Restore(decoded.events.front(), {.position = event.position,
                                               .accepted_at = event.accepted_at,
                                               .settled = event.settled,
                                               .client = event.client,
                                               .written = event.written});
      Know(std::string(decoded.events.front().id.text), event.accepted_at);
      ++restored;
    });
    EXPECT_TRUE(once ? window_.Size() == restored : window_.Size() <= restored);
  }

  // Checks the repeats that were found in an accepted request.
  void Check(const IngestContext& context) {
    auto repeat = context.dedup.repeats.begin();
    for (uint32_t i = 0; i < context.batch.Size(); ++i) {
      const std::string label(context.batch.RawId(i));
      const bool repeated = repeat != context.dedup.repeats.end() && repeat->event == i;
      ASSERT_TRUE(repeated || !MustKnow(label)) << label << " is stored twice";
      ASSERT_TRUE(!repeated || MayKnow(label)) << label << " is treated as a repeat after its time";
      if (repeated) {
        ++repeat;
      } else {
        Know(label, clock_.Now());
      }
    }
  }

  // Whether it was known at any time in this run.
  bool Knows(const std::string& label) const { return known_.contains(label); }
  bool MustKnow(const std::string& label) const { return Knows(label) && Age(label) <= time_; }
  bool MayKnow(const std::string& label) const {
    return Knows(label) && Age(label) < time_ + std::chrono::seconds(1);
  }

  // An event that the client may send again; empty: there is none whose result is certain. Only good events,
  // as the window forgets dead letters.
  std::string AnyToRepeat(char client, support::Random& random) const {
    if (good_.empty()) return {};
    const std::string& label = good_[random.Below(good_.size())];
    const bool is_own = label[label.size() - 2] == client;  // the letter before the label's closing mark
    return is_own && MustKnow(label) == MayKnow(label) ? label : std::string();
  }

  IdempotencyWindow& Window() { return window_; }

 private:
  static constexpr uint64_t kRequestEventsMax = 100;

  void Know(const std::string& label, base::SteadyTime at) {
    if (known_.insert_or_assign(label, at).second && label.starts_with("#g")) good_.push_back(label);
  }
  base::Duration Age(const std::string& label) const { return clock_.Now() - known_.at(label); }

  const Clock& clock_;
  const base::Duration time_;
  IdempotencyWindow window_;
  std::map<std::string, base::SteadyTime> known_;  // with the time of acceptance
  std::vector<std::string> good_;
};

}  // namespace ei::simulation
