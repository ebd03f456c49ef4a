#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "base/time.h"
#include "journal/journal.h"

namespace ei {

// How old the oldest event is that isn't settled, whatever the order in which they are: counts them by the
// time of their acceptance, to a tenth of a second; in a long outage to a two-thousandth of what it spans.
// Not thread-safe.
class UnsettledAges {
 public:
  // Returns the time that the events have from now on: theirs, but for one before the last span.
  base::SteadyTime Add(uint64_t events, base::SteadyTime accepted_at);

  // Events that were added, with the time that Add gave them.
  void Settle(std::span<const EventRun> runs);

  // At or before the acceptance of the oldest one; nullopt: there is none.
  std::optional<base::SteadyTime> Oldest() const;

 private:
  static constexpr base::Duration kWidth = std::chrono::milliseconds(100);
  static constexpr size_t kSpansMax = 4096;

  // Accepted from `from` on, and before the next one's.
  struct Span {
    base::SteadyTime from;
    uint64_t events;
  };

  void Merge();

  std::deque<Span> spans_;  // the first one has events
};

}  // namespace ei
