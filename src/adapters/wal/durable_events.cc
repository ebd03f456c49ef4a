#include "adapters/wal/durable_events.h"

#include <algorithm>

namespace ei::wal {

DurableEvents::DurableEvents(const WalOptions& options, std::atomic<uint64_t>& block_bytes)
    : window(options.lanes, block_bytes),
      deferred(kDeferredWindowsMax * options.window_events_max),
      options_(options) {}

bool DurableEvents::WindowHasRoom(uint64_t events) const {
  const uint64_t bytes_max = options_.window_bytes_max - options_.window_bytes_max / 4;
  return window.Events() == 0 || (window.Events() + events <= options_.window_events_max &&
                                  window.Bytes() + events * kEventOverheadBytes <= bytes_max);
}

// Reading resumes only when the window is at most half full, so that it reads in large steps. A partition
// that has stalled may hold that half, so with deferred events another eighth can be filled.
bool DurableEvents::WindowIsLow() const {
  const uint64_t eighths = deferred.Active() ? 5 : 4;
  return window.Events() == 0 || (window.Events() <= eighths * options_.window_events_max / 8 &&
                                  window.Bytes() <= eighths * options_.window_bytes_max / 8);
}

// Events that a previous run sent are read whether there is room or not.
bool DurableEvents::MayReadBacklog() const {
  return backlog.exists && (backlog.from < sent_end || (WindowIsLow() && !deferred.Full()));
}

bool DurableEvents::Defer(const JournalEvent& event) {
  return deferred.Active() && event.position >= sent_end && deferred.Defer(TopicOf(event), event);
}

std::optional<base::SteadyTime> DurableEvents::Oldest() const {
  std::optional<base::SteadyTime> oldest = window.Oldest();
  if (const auto waiting = deferred.Oldest()) oldest = std::min(oldest.value_or(*waiting), *waiting);
  if (!oldest && backlog.exists) oldest = backlog.since;
  return oldest;
}

}  // namespace ei::wal
