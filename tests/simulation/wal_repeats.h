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

// The idempotency window of one life, and what it has to know: the events that it found in the log, and all
// that were accepted since, for as long as it has to remember them. It is larger than any life, so it forgets
// nothing but for its age.
class WalRepeats {
 public:
  WalRepeats(const wal::WalOptions& options, const Clock& clock, uint64_t seed)
      : clock_(clock),
        time_(options.retain_time),
        window_({.ids = {options.retain_events, options.retain_time, kRequestEventsMax}, .key = {seed, 1}}) {}

  // `once`: no event is in the log twice. One that could not be read when its client sent it again is.
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

  // Checks what a request that was accepted was found to repeat.
  void Check(const IngestContext& context) {
    auto repeat = context.dedup.repeats.begin();
    for (uint32_t i = 0; i < context.batch.Size(); ++i) {
      const std::string label(context.batch.RawId(i));
      const bool repeated = repeat != context.dedup.repeats.end() && repeat->event == i;
      ASSERT_TRUE(repeated || !MustKnow(label)) << label << " is stored a second time";
      ASSERT_TRUE(!repeated || MayKnow(label)) << label << " is taken for a repeat after its time";
      if (repeated) {
        ++repeat;
      } else {
        Know(label, clock_.Now());
      }
    }
  }

  // Whether it was known at any time of this life.
  bool Knows(const std::string& label) const { return known_.contains(label); }
  bool MustKnow(const std::string& label) const { return Knows(label) && Age(label) <= time_; }
  bool MayKnow(const std::string& label) const {
    return Knows(label) && Age(label) < time_ + std::chrono::seconds(1);
  }

  // An event that a client may send again; empty: there is none, or it isn't certain what would come of it.
  // Good ones only, as a dead letter is forgotten.
  std::string AnyToRepeat(char client, support::Random& random) const {
    if (good_.empty()) return {};
    const std::string& label = good_[random.Below(good_.size())];
    const bool is_own = label[label.size() - 2] == client;  // as its label ends, before the mark
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
  std::map<std::string, base::SteadyTime> known_;  // since when
  std::vector<std::string> good_;
};

}  // namespace ei::simulation
