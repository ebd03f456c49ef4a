#include "journal/unsettled_ages.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace ei {

base::SteadyTime UnsettledAges::Add(uint64_t events, base::SteadyTime accepted_at) {
  if (events == 0) return accepted_at;
  if (!spans_.empty()) accepted_at = std::max(accepted_at, spans_.back().from);
  if (spans_.empty() || accepted_at - spans_.back().from >= kWidth) {
    if (spans_.size() == kSpansMax) Merge();
    spans_.push_back({accepted_at, 0});
  }
  spans_.back().events += events;
  return accepted_at;
}

void UnsettledAges::Settle(std::span<const EventRun> runs) {
  size_t at = 0;
  for (const EventRun& run : runs) {
    const bool here = at < spans_.size() && spans_[at].from <= run.accepted_at &&
                      (at + 1 == spans_.size() || run.accepted_at < spans_[at + 1].from);
    if (!here) {
      const auto after =
          std::upper_bound(spans_.begin(), spans_.end(), run.accepted_at,
                           [](base::SteadyTime time, const Span& span) { return time < span.from; });
      assert(after != spans_.begin());
      at = static_cast<size_t>(after - spans_.begin()) - 1;
    }
    assert(spans_[at].events >= run.events);
    spans_[at].events -= run.events;
  }
  while (!spans_.empty() && spans_.front().events == 0) spans_.pop_front();
}

// Merges the spans into half as many of equal width. If only the oldest ones were merged, they would grow
// with each merge.
void UnsettledAges::Merge() {
  const base::Duration width = (spans_.back().from - spans_.front().from) / (kSpansMax / 2);
  std::deque<Span> merged;
  for (const Span& span : spans_) {
    if (!merged.empty() && span.from - merged.back().from <= width) {
      merged.back().events += span.events;
    } else {
      merged.push_back(span);
    }
  }
  spans_ = std::move(merged);
}

std::optional<base::SteadyTime> UnsettledAges::Oldest() const {
  return spans_.empty() ? std::nullopt : std::optional(spans_.front().from);
}

}  // namespace ei
