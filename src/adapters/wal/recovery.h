#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/disk.h"
#include "adapters/wal/sent_recovery.h"
#include "adapters/wal/wal_format.h"
#include "base/result.h"

namespace ei::wal {

struct FoundSegment {
  SegmentHeader header;
  bool damaged = false;  // its header is damaged, so nothing in it can be read
  bool marked = false;   // a previous run has lost events of it
};

struct QuarantinedFile {
  uint64_t number = 0;
  uint64_t bytes = 0;
};

// The newest commit, if it may not be on the disk: the previous process may have died, or its sync may have
// failed, after which the kernel shows bytes that it will never write.
struct LastFrame {
  FrameHeader header;
  FrameEnd end;
  std::string bodies;
};

// The content of a log's folder at the start.
struct FoundLog {
  std::vector<FoundSegment> segments;  // segments in use, by number
  std::vector<std::string> leftovers;  // unfinished files and segments that are not needed, to be removed
  std::vector<QuarantinedFile> quarantined;
  bool has_checkpoint = false;
  Checkpoint checkpoint;      // if there is none: derived from the segments
  uint64_t end = 0;           // one past the last position that is or was in the log
  uint64_t next_segment = 0;  // numbers from here on were never used
  std::optional<LastFrame> last_frame;
  bool torn = false;  // the log ended within a commit that was never acknowledged
  // The settled events and the durable end that the sent notes state are already merged into `checkpoint`.
  // Without a checkpoint file the notes are ignored, because positions may have started again from 0.
  FoundSent sent;
};

// Reads the headers of all segments, one file after the other, and the frames of the newest; changes nothing.
// Prepared segments that were never used count as leftovers: after a failed sync, one file may be on the disk
// under two names.
base::Result<FoundLog> ReadLog(Directory& directory);

// An error message for operators: `what` with the setting's name and the system's text for `error`.
base::Error WalFault(const std::string& what, int error);

}  // namespace ei::wal
