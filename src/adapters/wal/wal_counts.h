#pragma once

#include <cstdint>

namespace ei::wal {

struct WalCounts {
  uint64_t memory_bytes = 0;     // memory for events
  uint64_t recovered = 0;        // unsettled events found at the start
  uint64_t lost = 0;             // events lost to damage, found since the start
  uint64_t set_aside = 0;        // quarantined segments; they are kept until an operator moves them away
  uint64_t commits = 0;          // frames that were written and synced
  uint64_t commit_bytes = 0;     // bytes that commits wrote
  uint64_t unsynced_events = 0;  // accepted events that are not yet durable
  uint64_t backlog_events = 0;   // events on the disk that are not in memory
  uint64_t deferred_events = 0;  // those of them whose partition is stalled
  uint64_t unreadable = 0;       // 1 while the next events of the backlog can't be read from the disk
};

}  // namespace ei::wal
