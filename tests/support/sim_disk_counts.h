#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ei::support {

// The operations of wal::Directory and wal::File.
enum class DiskCall { kCreate, kOpen, kRename, kRemove, kSyncNames, kList, kWrite, kRead, kSync, kSize };
inline constexpr size_t kDiskCalls = 10;

// What happened on a simulated disk, to be summed over schedules and printed: a kind whose count stays zero
// was not tested.
struct SimDiskCounts {
  using ByCall = std::array<uint64_t, kDiskCalls>;

  uint64_t crashes = 0;
  uint64_t crashes_losing = 0;      // unsynced data was lost
  uint64_t crashes_reordering = 0;  // a sector write survived and an earlier one did not, in one or two files
  uint64_t process_kills = 0;
  uint64_t stops = 0;         // by StopAfter, between two operations
  uint64_t sectors_kept = 0;  // written, not synced, and present after a crash
  uint64_t sectors_lost = 0;
  uint64_t sectors_torn = 0;
  uint64_t sizes_cut = 0;        // files that were shorter after a crash
  uint64_t names_lost = 0;       // creations, renames and removals undone by a crash
  uint64_t names_reordered = 0;  // name changes that survived while an earlier one did not
  uint64_t short_writes = 0;
  uint64_t disk_full = 0;   // writes shortened or rejected by the capacity
  uint64_t lost_syncs = 0;  // failed syncs that forgot the data they should have kept
  uint64_t damages = 0;     // by FlipBit, ZeroRange, Truncate, RemoveFile
  uint64_t unreadable = 0;  // reads that hit a range of MakeUnreadable
  ByCall calls = {};
  ByCall eio = {};  // by plan; calls of a dead process are not counted
  ByCall no_space = {};

  void Add(const SimDiskCounts& other);

  // Each count with its name, such as "sectors torn" and "EIO on write".
  std::vector<std::pair<std::string, uint64_t>> Rows() const;

  friend bool operator==(const SimDiskCounts&, const SimDiskCounts&) = default;
};

}  // namespace ei::support
