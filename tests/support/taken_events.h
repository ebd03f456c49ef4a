#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/event_runs.h"
#include "journal/journal.h"

namespace ei::support {

inline void AppendBytesOf(const EventView& event, std::string& out) {
  out.append(event.value)
      .append(event.key)
      .append(event.topic)
      .append(event.context.client)
      .append(event.context.traceparent);
}

// Points the event's views to its bytes at the front of `bytes`, which AppendBytesOf wrote; returns the
// remaining bytes.
inline std::string_view PointTo(std::string_view bytes, EventView& event) {
  for (std::string_view* const view :
       {&event.value, &event.key, &event.topic, &event.context.client, &event.context.traceparent}) {
    *view = bytes.substr(0, view->size());
    bytes.remove_prefix(view->size());
  }
  return bytes;
}

// A taken event with its own copy of the bytes: it stays valid after the lane's next Take. Copies share the
// bytes.
struct TakenEvent : JournalEvent {
  explicit TakenEvent(const JournalEvent& event) : JournalEvent(event) {
    std::string copy;
    AppendBytesOf(event, copy);
    bytes = std::make_shared<const std::string>(std::move(copy));
    PointTo(*bytes, *this);
  }

  std::shared_ptr<const std::string> bytes;
};

// Takes what the lane has now, at most `at_most` events.
inline std::vector<TakenEvent> Take(ei::Journal& journal, size_t lane, size_t at_most = 10'000) {
  std::vector<JournalEvent> events(at_most);
  events.resize(journal.Take(lane, events));
  return {events.begin(), events.end()};
}

// Settles taken events, in any order. Doesn't use their views.
template <typename Events>
void Settle(ei::Journal& journal, const Events& events) {
  std::vector<uint64_t> positions;
  std::vector<EventRun> runs;
  for (const JournalEvent& event : events) {
    positions.push_back(event.position);
    ei::AppendRun(runs, ei::RunOf(event));
  }
  journal.Settle({positions, runs});
}

}  // namespace ei::support
