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

// One event of the log with a correct checksum. The views are valid until the visit returns.
struct LoggedEvent {
  uint64_t position = 0;
  int64_t accepted_at = 0;  // acceptance of its frame's first request: wall clock, nanoseconds
  bool settled = false;
  std::string_view bytes;
  IndexEntry entry;
  std::string_view frame_topic;
  std::optional<uint64_t> client;  // see Origin; nullopt: the frame has no origins

  std::string_view Value() const { return bytes.substr(0, entry.value_size); }
  std::string_view Id() const { return bytes.substr(entry.id_offset, entry.id_size); }
  std::optional<std::string_view> Key() const {
    if (entry.key_offset == IndexEntry::kNoKey) return std::nullopt;
    return bytes.substr(entry.key_offset, entry.key_size);
  }
  // The event's topic, or else its frame's; empty: neither has one.
  std::string_view Topic() const {
    if (entry.topic_size == 0) return frame_topic;
    return bytes.substr(bytes.size() - entry.context_size - entry.topic_size, entry.topic_size);
  }
};

// Receives the content of a segment from front to back.
class SegmentVisitor {
 public:
  virtual ~SegmentVisitor() = default;

  // A frame begins. Its events follow; it ends at offset `end_byte` of the file.
  virtual void OnFrame(const FrameHeader& frame, uint64_t end_byte) = 0;
  // Returns false to end the reading.
  virtual bool OnEvent(const LoggedEvent& event) = 0;
  virtual void OnDamage(const LogDamage& damage) = 0;
  // Unsettled events that belong behind this segment's events, in files that are missing or can't be read.
  virtual void OnMissing(uint64_t from_position, uint64_t to_position) = 0;
};

enum class SegmentRead : uint8_t {
  kDone,
  kEnough,  // the visitor ended it
  kGone,    // the running service has released the segment meanwhile: all of its events are settled
};

// Reads all frames of a surveyed segment, checks all of its events and continues behind damage. The damage
// that the survey found is reported first. Memory: the largest frame, at most the size of the file.
SegmentRead ReadSegment(Directory& directory, const SurveyedSegment& segment, const SettledMap& settled,
                        SegmentVisitor& visitor);

struct SegmentEnd {
  uint64_t position = 0;  // one past its last event
  std::optional<uint64_t> torn_at;
  bool met_faults = false;  // parts of it could not be read because of disk errors
};

// Finds the end of the newest segment by the same rule as recovery: only its last frame can be torn, and only
// if it was not known to be durable.
SegmentEnd FindSegmentEnd(Directory& directory, const SurveyedSegment& newest, uint64_t durable_end);

}  // namespace ei::wal
