#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "adapters/wal/disk.h"
#include "adapters/wal/log_damage.h"
#include "adapters/wal/log_survey.h"
#include "adapters/wal/settled_map.h"
#include "adapters/wal/wal_format.h"

namespace ei::wal {

// One event of the log whose checksum is right. The views are valid until the visit returns.
struct LoggedEvent {
  uint64_t position = 0;
  int64_t accepted_at = 0;  // of its frame's first request: wall clock, nanoseconds
  bool settled = false;
  std::string_view bytes;
  IndexEntry entry;
  std::string_view frame_topic;
  std::optional<uint64_t> client;  // see Origin; nullopt: the frame doesn't say

  std::string_view Value() const { return bytes.substr(0, entry.value_size); }
  std::string_view Id() const { return bytes.substr(entry.id_offset, entry.id_size); }
  std::optional<std::string_view> Key() const {
    if (entry.key_offset == IndexEntry::kNoKey) return std::nullopt;
    return bytes.substr(entry.key_offset, entry.key_size);
  }
  // The event's own, or its frame's; empty: neither has one.
  std::string_view Topic() const {
    if (entry.topic_size == 0) return frame_topic;
    return bytes.substr(bytes.size() - entry.trace_size - entry.topic_size, entry.topic_size);
  }
};

// Is told what a segment holds, front to back.
class SegmentVisitor {
 public:
  virtual ~SegmentVisitor() = default;

  // A frame; its events follow, and it ends at `end_byte` of the file.
  virtual void OnFrame(const FrameHeader& frame, uint64_t end_byte) = 0;
  // False: enough; the reading ends.
  virtual bool OnEvent(const LoggedEvent& event) = 0;
  virtual void OnDamage(const LogDamage& damage) = 0;
  // Unsettled events that should stand behind this segment's, in files that are missing or can't be read.
  virtual void OnMissing(uint64_t from_position, uint64_t to_position) = 0;
};

enum class SegmentRead : uint8_t {
  kDone,
  kEnough,  // the visitor's word
  kGone,    // the service that runs has let it go meanwhile: all of its events are settled
};

// Reads all frames of a surveyed segment, checks all of its events and goes on behind damage; what the survey
// found comes first. Memory: the largest frame, at most what the file has.
SegmentRead ReadSegment(Directory& directory, const SurveyedSegment& segment, const SettledMap& settled,
                        SegmentVisitor& visitor);

struct SegmentEnd {
  uint64_t position = 0;  // one past its last event
  std::optional<uint64_t> torn_at;
  bool met_faults = false;  // the disk could not read all of it
};

// Of the newest segment, by the rule that recovery has: of its frames only the last can be torn, and only if
// it was not known to be durable.
SegmentEnd FindSegmentEnd(Directory& directory, const SurveyedSegment& newest, uint64_t durable_end);

}  // namespace ei::wal
