#pragma once

#include <cassert>
#include <span>
#include <vector>

#include "journal/journal.h"

namespace ei {

// Appends the run. Merges it into the last run if both are of the same request (same client and time of
// acceptance).
inline void AppendRun(std::vector<EventRun>& runs, const EventRun& run) {
  if (!runs.empty() && runs.back().client == run.client && runs.back().accepted_at == run.accepted_at) {
    runs.back().events += run.events;
    runs.back().held_bytes += run.held_bytes;
  } else {
    runs.push_back(run);
  }
}

inline EventRun RunOf(const JournalEvent& event) {
  return {event.accepted_at, event.client, 1, event.held_bytes};
}

// Splits runs into single events. A run's held_bytes are divided evenly; the parts add up to the whole.
class RunReader {
 public:
  // The runs must outlive the reader.
  explicit RunReader(std::span<const EventRun> runs) : runs_(runs) {
    if (!runs_.empty()) left_ = runs_.front();
  }

  // Returns the run of the next event. There must be a next event.
  EventRun Next() {
    if (left_.events == 0) {
      runs_ = runs_.subspan(1);
      assert(!runs_.empty());
      left_ = runs_.front();
    }
    EventRun one = left_;
    one.held_bytes = left_.held_bytes / left_.events;
    one.events = 1;
    left_.held_bytes -= one.held_bytes;
    --left_.events;
    return one;
  }

 private:
  std::span<const EventRun> runs_;
  EventRun left_;
};

}  // namespace ei
