#pragma once

#include "adapters/wal/disk.h"
#include "adapters/wal/log_survey.h"
#include "base/result.h"

namespace ei::wal {

// What the first bytes of a segment's file say about it.
struct SegmentFront {
  SurveyedSegment segment;
  bool unused = false;  // no header, or one of a previous use under another number
};

// Reads the header and the first frame's header. `number` is the one in the file's name; the header of a
// quarantined file may have another. kUnavailable: the file is gone. kInvalid: its format version is not
// known to this program.
base::Result<SegmentFront> ReadSegmentFront(Directory& directory, const std::string& name, uint64_t number,
                                            bool quarantined);

// Whether the file, opened under the segment's name, still has the header that was surveyed.
bool IsUnchanged(File& file, const SurveyedSegment& segment);

}  // namespace ei::wal
