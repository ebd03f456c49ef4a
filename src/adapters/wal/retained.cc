// ReadRetained: what the log still knows of its newest events.

#include <algorithm>
#include <iterator>
#include <limits>

#include "adapters/wal/segment_scanner.h"
#include "adapters/wal/wal_journal.h"

namespace ei::wal {

namespace {

SegmentScanner ScannerOf(const Segment& segment) {
  SegmentScanner scanner(*segment.file, segment.header);
  scanner.ReadPastFaults();
  return scanner;
}

// Whether all events of the segments before this one were accepted before `oldest`.
bool BeginsBefore(const Segment& segment, int64_t oldest) {
  SegmentScanner scanner = ScannerOf(segment);
  const auto found = scanner.Next(std::numeric_limits<uint64_t>::max());
  return found && *found && scanner.Frame().accepted_at < oldest;
}

}  // namespace

void WalJournal::ReadRetained(const std::function<void(const RetainedEvent&)>& visit) const {
  std::deque<Segment> segments;
  SettledMap settled;
  uint64_t end = 0;
  {
    base::MutexLock lock(mutex_);
    segments = segments_;
    // Behind the segment of the newest commit that was found there is no more than a copy of that, on its
    // way.
    while (segments.size() > 1 && HoldsLastFrame(segments[segments.size() - 2].header.number)) {
      segments.pop_back();
    }
    settled = settled_;
    end = next_position_;
  }
  const uint64_t first = end - std::min(end, options_.retain_events);
  const int64_t oldest = (clock_.WallNow() - options_.retain_time).time_since_epoch().count();
  auto from = segments.end();
  while (from != segments.begin()) {
    --from;
    if (from->header.first_position <= first || BeginsBefore(*from, oldest)) break;
  }
  for (auto segment = from; segment != segments.end(); ++segment) {
    // What a crash tore stands behind the segment's last position; its positions were given anew.
    const auto behind = std::next(segment);
    const uint64_t limit = behind == segments.end() ? end : std::min(end, behind->header.first_position);
    SegmentScanner scanner = ScannerOf(*segment);
    for (auto found = scanner.Next(limit); found && *found; found = scanner.Next(limit)) {
      const FrameHeader& frame = scanner.Frame();
      RetainedEvent event;
      event.position = frame.first_position;
      event.accepted_at = SteadyOf(frame.accepted_at);
      std::string_view bodies = scanner.Bodies();
      OriginCursor origin(scanner.End().origins);
      for (const IndexEntry& entry : scanner.Index()) {
        const auto client = origin.Next();
        const std::string_view bytes = bodies.substr(0, entry.size);
        bodies.remove_prefix(entry.size);
        if (event.position >= first && event.position < limit && frame.accepted_at >= oldest &&
            IsSoundEvent(bytes, entry)) {
          event.value = bytes.substr(0, entry.value_size);
          event.settled = settled.Contains(event.position);
          event.client = client.value_or(domain::kNoClient);
          event.written.reset();
          if (client && entry.value_size > 0) event.written = event.value.substr(1 + entry.added_size);
          event.named = !client || entry.id_offset > entry.added_size;
          visit(event);
        }
        ++event.position;
      }
    }
  }
}

}  // namespace ei::wal
