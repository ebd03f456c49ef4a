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
  bool damaged = false;  // its header: nothing in it can be read
  bool marked = false;   // an earlier life has lost events of it
};

struct QuarantinedFile {
  uint64_t number = 0;
  uint64_t bytes = 0;
};

// The newest commit, when it isn't certain that it is on the disk: the process may have died, or seen its
// sync fail, after which the kernel shows bytes that it will never write.
struct LastFrame {
  FrameHeader header;
  FrameEnd end;
  std::string bodies;
};

// What stands in the folder of a log.
struct FoundLog {
  std::vector<FoundSegment> segments;      // used ones in the order of their numbers
  std::vector<std::string> leftovers;      // unfinished files and useless segments, to be removed
  std::vector<QuarantinedFile> set_aside;  // damaged segments
  bool has_checkpoint = false;
  Checkpoint checkpoint;      // without one: what the segments themselves tell
  uint64_t end = 0;           // one past the last position that is in the log, or was
  uint64_t next_segment = 0;  // numbers from here on were never used
  std::optional<LastFrame> last_frame;
  bool torn = false;  // the log ended within a commit that nobody was told of
  // What it notes is in `checkpoint` already: what is settled, and that it was durable. Without a checkpoint
  // nothing of it counts, as positions may have begun anew.
  FoundSent sent;
};

// Reads the headers of all segments, one file after the other, and the frames of the newest; changes nothing.
// Prepared segments that were never used are leftovers: after a sync that failed one file may stand on the
// disk under two names.
base::Result<FoundLog> ReadLog(Directory& directory);

// As an operator reads it: `what` with the setting and the system's word for the error.
base::Error WalFault(const std::string& what, int error);

}  // namespace ei::wal
