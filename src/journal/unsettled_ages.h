#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "base/time.h"
#include "journal/journal.h"

namespace ei {

// Finds how old the oldest unsettled event is, no matter in which order events are settled. Counts events by
// their time of acceptance. The resolution is 0.1 s; in a long outage it is 1/2000 of the time that the
// events span. Not thread-safe.
class UnsettledAges {
 public:
  // Returns the time that the events have from now on: `accepted_at`, or the beginning of the last span if
  // that is later.
  base::SteadyTime Add(uint64_t events, base::SteadyTime accepted_at);

  // Settles events that were added. The runs have the times that Add returned.
  void Settle(std::span<const EventRun> runs);

  // A time at or before the acceptance of the oldest unsettled event; nullopt if there is none.
  std::optional<base::SteadyTime> Oldest() const;

 private:
  static constexpr base::Duration kWidth = std::chrono::milliseconds(100);
  static constexpr size_t kSpansMax = 4096;

  // Events accepted from `from` on and before the next span's `from`.
  struct Span {
    base::SteadyTime from;
    uint64_t events;
  };

  void Merge();

  std::deque<Span> spans_;  // the first span has events
};

}  // namespace ei
