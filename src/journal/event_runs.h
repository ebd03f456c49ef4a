#pragma once

#include <cassert>
#include <span>
#include <vector>

#include "journal/journal.h"

namespace ei {

// Adds neighbours to the end; those of one request are one run.
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

// Takes runs apart again, event by event. What a run holds is divided evenly; together it stays the same.
class RunReader {
 public:
  // The runs outlive the reader.
  explicit RunReader(std::span<const EventRun> runs) : runs_(runs) {
    if (!runs_.empty()) left_ = runs_.front();
  }

  // Of the next event; there is one.
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
