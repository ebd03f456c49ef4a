#pragma once

#include "adapters/wal/disk.h"
#include "adapters/wal/log_survey.h"
#include "base/result.h"

namespace ei::wal {

// What a segment's first bytes say of it.
struct SegmentFront {
  SurveyedSegment segment;
  bool unused = false;  // no header, or that of an earlier life under another number
};

// `number` is that of the name; of a file that was set aside the header may have another. kUnavailable: the
// file is gone. kInvalid: it is of a format version that this program doesn't know.
base::Result<SegmentFront> ReadSegmentFront(Directory& directory, const std::string& name, uint64_t number,
                                            bool set_aside);

// Whether the file, open under the segment's name, still has the content that was surveyed.
bool IsSameLife(File& file, const SurveyedSegment& segment);

}  // namespace ei::wal
