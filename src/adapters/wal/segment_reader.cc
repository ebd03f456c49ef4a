#include "adapters/wal/segment_reader.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "adapters/wal/log_limits.h"
#include "adapters/wal/segment_front.h"
#include "adapters/wal/segment_scanner.h"
#include "base/crc32c.h"

namespace ei::wal {

namespace {

using Behind = SurveyedSegment::Behind;

// The header with a safe size: the scanner allocates as much memory as a frame claims to have, up to the size
// of the segment.
SegmentHeader BoundedHeader(const SurveyedSegment& segment) {
  SegmentHeader header = segment.header;
  header.segment_bytes = segment.read_bytes;
  return header;
}

class Reading {
 public:
  Reading(File& file, const SurveyedSegment& segment, const SettledMap& settled, SegmentVisitor& visitor)
      : file_(file),
        segment_(segment),
        settled_(settled),
        visitor_(visitor),
        scanner_(file, BoundedHeader(segment)),
        reached_(segment.header.first_position) {
    scanner_.ReadPastFaults();
  }

  SegmentRead Run() {
    const uint64_t limit = std::min(segment_.positions_end, kPositionsMax);
    for (;;) {
      const auto found = scanner_.Next(limit);
      if (!found || !*found) break;
      if (!ReportGap() || !ReportFrame(limit)) return outcome_;
    }
    return ReportEnd() ? SegmentRead::kDone : outcome_;
  }

 private:
  // Reports damage, unless the running service has reused the file. Then the bytes are not damaged, and it
  // returns false.
  bool Report(const LogDamage& damage) {
    if (!IsUnchanged(file_, segment_)) {
      outcome_ = SegmentRead::kGone;
      return false;
    }
    visitor_.OnDamage(damage);
    return true;
  }

  bool ReportGap() {
    const uint64_t first = scanner_.Frame().first_position;
    if (scanner_.FrameOffset() == offset_ && first == reached_) return true;
    return Report({"no frame can be read", offset_, scanner_.FrameOffset(), reached_, first});
  }

  bool ReportFrame(uint64_t limit) {
    const FrameHeader& frame = scanner_.Frame();
    offset_ = scanner_.Offset();
    reached_ = scanner_.Expected();
    visitor_.OnFrame(frame, offset_);
    if (reached_ > limit &&
        !Report({"its events overlap those of the next segment", scanner_.FrameOffset(), offset_})) {
      return false;
    }
    LoggedEvent event;
    event.position = frame.first_position;
    event.accepted_at = frame.accepted_at;
    std::string_view bodies = scanner_.Bodies();
    uint64_t byte = scanner_.FrameOffset() + kFrameHeaderBytes;
    event.frame_topic = scanner_.End().topic;
    OriginCursor origin(scanner_.End().origins);
    for (const IndexEntry& entry : scanner_.Index()) {
      if (event.position >= limit) break;
      event.client = origin.Next();
      event.entry = entry;
      event.bytes = bodies.substr(0, entry.size);
      event.settled = settled_.Contains(event.position);
      if (IsSoundEvent(event.bytes, entry)) {
        if (!visitor_.OnEvent(event)) {
          outcome_ = SegmentRead::kEnough;
          return false;
        }
      } else if (!Report({"an event's checksum is wrong", byte, byte + entry.size, event.position,
                          event.position + 1})) {
        return false;
      }
      bodies.remove_prefix(entry.size);
      byte += entry.size;
      ++event.position;
    }
    return true;
  }

  bool ReportEnd() {
    const uint64_t end = segment_.positions_end;
    if (segment_.behind == Behind::kAnything || reached_ >= end) return true;
    const bool unsettled = settled_.Unsettled(reached_, end) > 0;
    // If files are missing behind this segment, an unreadable sector is the only sign that the missing events
    // are its own.
    if (segment_.behind == Behind::kNext ||
        (unsettled && (segment_.behind == Behind::kNothing || scanner_.MetFaults()))) {
      return Report({"no frame can be read", offset_, segment_.read_bytes, reached_, end});
    }
    if (unsettled) visitor_.OnMissing(reached_, end);
    return true;
  }

  File& file_;
  const SurveyedSegment& segment_;
  const SettledMap& settled_;
  SegmentVisitor& visitor_;
  SegmentScanner scanner_;
  uint64_t reached_;  // one past the last position of the last frame
  uint64_t offset_ = kSegmentHeaderBytes;
  SegmentRead outcome_ = SegmentRead::kDone;
};

}  // namespace

SegmentRead ReadSegment(Directory& directory, const SurveyedSegment& segment, const SettledMap& settled,
                        SegmentVisitor& visitor) {
  const auto file = directory.Open(segment.name);
  if (!file && file.error() == ENOENT) return SegmentRead::kGone;
  if (file && !IsUnchanged(**file, segment)) return SegmentRead::kGone;
  for (const LogDamage& damage : segment.damage) visitor.OnDamage(damage);
  if (!segment.readable) return SegmentRead::kDone;
  if (!file) {
    visitor.OnDamage({"it can't be opened: " + std::system_category().message(file.error())});
    return SegmentRead::kDone;
  }
  return Reading(**file, segment, settled, visitor).Run();
}

SegmentEnd FindSegmentEnd(Directory& directory, const SurveyedSegment& newest, uint64_t durable_end) {
  SegmentEnd end;
  end.position = newest.header.first_position;
  const auto file = directory.Open(newest.name);
  end.met_faults = !file;
  if (!file || !IsUnchanged(**file, newest)) return end;
  SegmentScanner scanner(**file, BoundedHeader(newest));
  scanner.ReadPastFaults();
  for (;;) {
    const auto found = scanner.Next(kPositionsMax);
    end.met_faults = !found || scanner.MetFaults();
    if (!found || !*found) return end;
    const uint64_t first = scanner.Frame().first_position;
    const bool torn = first >= durable_end && !scanner.AllSound();
    end.position = torn ? first : scanner.Expected();
    end.torn_at = torn ? std::optional(scanner.FrameOffset()) : std::nullopt;
  }
}

}  // namespace ei::wal
