#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "app/ports/event_sink.h"
#include "app/ports/journal.h"
#include "base/mutex.h"
#include "domain/event_batch.h"

namespace ei::app {

// The destinations that take nothing while others do, as the workers find them. What they are sent is refused
// at the door once the journal is crowded, so that the rest of it stays free for the others. In an outage of
// all of them none is stuck by this measure: the journal is there for that. Thread-safe; free of cost while
// there is none.
class StuckDestinations {
 public:
  // The references outlive it.
  StuckDestinations(const EventSink& sink, const Journal& journal, size_t lanes)
      : sink_(sink), journal_(journal), by_lane_(lanes) {}

  // A lane's worker: those that are stuck now, as far as its events tell.
  void Tell(size_t lane, std::vector<DestinationId> stuck) EXCLUDES(mutex_);

  // Whether the batch's last event has to be refused.
  bool RefuseLast(const domain::EventBatch& batch) const EXCLUDES(mutex_);

  // Each once, whatever the number of lanes that found it.
  size_t Count() const EXCLUDES(mutex_);

 private:
  const EventSink& sink_;
  const Journal& journal_;
  std::atomic<bool> any_{false};
  mutable base::Mutex mutex_;
  std::vector<std::vector<DestinationId>> by_lane_ GUARDED_BY(mutex_);
  std::vector<DestinationId> all_ GUARDED_BY(mutex_);  // each once, ascending
};

}  // namespace ei::app
