// ReadRetained: reads the newest events of the log.

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>

#include "adapters/wal/segment_files.h"
#include "adapters/wal/segment_scanner.h"
#include "adapters/wal/wal_journal.h"

namespace ei::wal {

namespace {

// An open segment. If the file can't be opened, it has no frames.
class OpenSegment {
 public:
  OpenSegment(Directory& directory, const SegmentHeader& header) {
    auto file = directory.Open(SegmentName(header.number));
    if (!file) return;
    file_ = std::move(*file);
    scanner_ = std::make_unique<SegmentScanner>(*file_, header);
    scanner_->ReadPastFaults();
  }

  // Moves to the next frame with positions below `limit`; false: there is none.
  bool Next(uint64_t limit) {
    const auto found = scanner_ ? scanner_->Next(limit) : false;
    return found && *found;
  }
  const SegmentScanner& Scanner() const { return *scanner_; }

 private:
  std::unique_ptr<File> file_;
  std::unique_ptr<SegmentScanner> scanner_;
};

// Whether all events of the segments before this one were accepted before `oldest`.
bool BeginsBefore(Directory& directory, const SegmentHeader& header, int64_t oldest) {
  OpenSegment segment(directory, header);
  return segment.Next(std::numeric_limits<uint64_t>::max()) && segment.Scanner().Frame().accepted_at < oldest;
}

}  // namespace

void WalJournal::ReadRetained(const std::function<void(const RetainedEvent&)>& visit) const {
  std::vector<SegmentHeader> segments;
  SettledMap settled;
  uint64_t end = 0;
  {
    base::MutexLock lock(state_.mutex);
    segments = state_.segments.Headers();
    // Segments behind the one with the newest commit that the start found can only hold a copy of that
    // commit, which is being written.
    while (segments.size() > 1 && state_.HoldsLastFrame(segments[segments.size() - 2].number)) {
      segments.pop_back();
    }
    settled = state_.segments.Settled();
    end = state_.segments.End();
  }
  const uint64_t first = end - std::min(end, state_.options.retain_events);
  const int64_t oldest = (state_.clock.WallNow() - state_.options.retain_time).time_since_epoch().count();
  auto from = segments.end();
  while (from != segments.begin()) {
    --from;
    if (from->first_position <= first || BeginsBefore(state_.directory, *from, oldest)) break;
  }
  for (auto segment = from; segment != segments.end(); ++segment) {
    // A torn frame lies behind the segment's last position; its positions were assigned again.
    const auto behind = std::next(segment);
    const uint64_t limit = behind == segments.end() ? end : std::min(end, behind->first_position);
    OpenSegment open(state_.directory, *segment);
    while (open.Next(limit)) {
      const SegmentScanner& scanner = open.Scanner();
      const FrameHeader& frame = scanner.Frame();
      RetainedEvent event;
      event.position = frame.first_position;
      event.accepted_at = state_.SteadyOf(frame.accepted_at);
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
          event.client = client.value_or(kNoClient);
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
