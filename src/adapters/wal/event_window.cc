#include "adapters/wal/event_window.h"

#include "base/murmur2.h"
#include "clients/client.h"
#include "event/traceparent.h"

namespace ei::wal {

JournalEvent EventOf(uint64_t position, const char* bytes, const IndexEntry& entry,
                     base::SteadyTime accepted_at) {
  JournalEvent event = EventAt(bytes, entry);
  event.position = position;
  event.accepted_at = accepted_at;
  return event;
}

JournalEvent EventFromDisk(uint64_t position, const char* bytes, const IndexEntry& entry,
                           base::SteadyTime accepted_at, std::string_view frame_topic) {
  JournalEvent event = EventOf(position, bytes, entry, accepted_at);
  if (entry.topic_size == 0) event.topic = frame_topic;
  if (!IsTraceparent(event.context.traceparent)) event.context.traceparent = {};
  if (!IsClientName(event.context.client)) event.context.client = {};
  event.key_hash = event.has_key ? base::Murmur2(event.key) : 0;
  return event;
}

void EventWindow::Add(std::span<const JournalEvent> events, const std::shared_ptr<EventBlock>& block,
                      uint64_t& filled_lanes) {
  for (JournalEvent event : events) {
    event.accepted_at = ages_.Add(1, event.accepted_at);
    buffer_.Add(event, block, filled_lanes);
  }
  events_ += events.size();
}

size_t EventWindow::Take(size_t lane, std::span<JournalEvent> out) {
  const size_t count = buffer_.Take(lane, out);
  for (const JournalEvent& event : out.first(count)) taken_bytes_ += event.held_bytes;
  return count;
}

void EventWindow::Settle(const SettledEvents& settled) {
  ages_.Settle(settled.runs);
  for (const EventRun& run : settled.runs) taken_bytes_ -= run.held_bytes;
  events_ -= settled.positions.size();
}

}  // namespace ei::wal
