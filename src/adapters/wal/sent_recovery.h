#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/wal/disk.h"
#include "adapters/wal/sent_notes.h"
#include "adapters/wal/settled_map.h"
#include "journal/sent_log.h"

namespace ei::wal {

struct FoundBatch {
  SentHeader by;
  SentBatch batch;
};

// What earlier lives have noted of what they sent.
struct FoundSent {
  std::vector<uint64_t> files;        // numbers, rising
  uint64_t next_number = 0;           // from here on they were never used
  std::vector<uint64_t> untrue;       // of the files those that may name events of other positions
  uint64_t durable_end = 0;           // the log was synced up to here: only what was is sent
  std::vector<FoundBatch> unsettled;  // in the order in which they were sent
  std::optional<int> fault;           // of a file that could not be read: what it notes is missing
};

// Reads the files one after the other. What they note as settled is marked in `settled`; what they say of
// positions from `end` on is not believed, as the log doesn't have those events.
void ReadSent(Directory& directory, uint64_t end, SettledMap& settled, FoundSent& sent);

// Removes the files. Of those that are untrue nothing is left even where a loss of power brings a name back:
// their positions are given again.
DiskResult<void> RemoveSent(Directory& directory, const FoundSent& sent);

}  // namespace ei::wal
