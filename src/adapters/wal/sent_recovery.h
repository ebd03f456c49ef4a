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

// What previous runs have noted about the events that they sent.
struct FoundSent {
  std::vector<uint64_t> files;  // numbers, ascending
  uint64_t next_number = 0;     // file numbers from here on were never used
  // Those of `files` whose notes may refer to other events at the same positions.
  std::vector<uint64_t> unreliable;
  uint64_t durable_end = 0;           // the log was synced up to here, because only synced events are sent
  std::vector<FoundBatch> unsettled;  // in the order in which they were sent
  std::optional<int> fault;           // errno of a file that could not be read: its notes are missing
};

// Reads `sent.files` one after the other and fills in the rest of `sent`. Positions that the notes state as
// settled are marked in `settled`. Notes about positions from `end` on are ignored, because the log doesn't
// have those events.
void ReadSent(Directory& directory, uint64_t end, SettledMap& settled, FoundSent& sent);

// Removes the files. The unreliable ones are overwritten first, so that their notes are gone even if a loss
// of power brings a name back: their positions are assigned again.
DiskResult<void> RemoveSent(Directory& directory, const FoundSent& sent);

}  // namespace ei::wal
