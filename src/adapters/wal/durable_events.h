#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "adapters/wal/deferred_events.h"
#include "adapters/wal/event_window.h"
#include "adapters/wal/wal_options.h"
#include "base/time.h"
#include "journal/journal.h"

namespace ei::wal {

// Events of stalled partitions that stay on the disk, at most, in windows (WalOptions::window_events_max).
inline constexpr uint64_t kDeferredWindowsMax = 4;

// A frame's place in the log.
struct FramePlace {
  uint64_t segment = 0;
  uint64_t offset = 0;
  uint64_t first_position = 0;
};

// Where the durable events are that are not settled yet. An event is in memory, or it lies behind a cursor on
// the disk: memory holds a window of the log, and events that do not fit are read back in order. Events that
// a previous run had already sent are read back even if the window is full: they fitted into memory then, and
// a batch can only be sent again as a whole.
//
// Events of a stalled partition stay on the disk (DeferredEvents), however many others are read back after
// them. A second cursor reads them again once their partition accepts events. Those that a previous run had
// sent are not deferred.
//
// Not thread-safe.
struct DurableEvents {
  // `options` and `block_bytes` must outlive this object; see EventWindow.
  DurableEvents(const WalOptions& options, std::atomic<uint64_t>& block_bytes);

  // Whether `events` of a commit may be put into the window at once.
  bool WindowHasRoom(uint64_t events) const;

  bool MayReadBacklog() const;
  bool MayReturn() const { return deferred.NextReturn() && WindowIsLow(); }
  bool MayReadBack() const { return MayReadBacklog() || MayReturn(); }

  // See DeferredEvents.
  bool Defer(const JournalEvent& event);
  bool Return(const JournalEvent& event) { return deferred.Return(TopicOf(event), event); }

  // A time at or before the acceptance of the oldest event; nullopt: there is none.
  std::optional<base::SteadyTime> Oldest() const;

  // Durable events on the disk that have not been in memory yet and are not deferred.
  struct Backlog {
    bool exists = false;
    uint64_t from = 0;       // where it is read next
    FramePlace start;        // the frame that it began with
    base::SteadyTime since;  // at or before the acceptance of its oldest event
  };

  EventWindow window;
  DeferredEvents deferred;
  Backlog backlog;
  uint64_t sent_end = 0;  // one past the events that previous runs sent and did not settle

 private:
  bool WindowIsLow() const;
  std::string_view TopicOf(const JournalEvent& event) const {
    return event.topic.empty() ? std::string_view(options_.topic) : event.topic;
  }

  const WalOptions& options_;
};

}  // namespace ei::wal
