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

// What happened on a simulated disk, to be added up over schedules and printed: a kind that stays at zero was
// not tested.
struct SimDiskCounts {
  using ByCall = std::array<uint64_t, kDiskCalls>;

  uint64_t crashes = 0;
  uint64_t crashes_losing = 0;      // something that was not synced is gone
  uint64_t crashes_reordering = 0;  // a sector write survived, an earlier one did not; in one file or in two
  uint64_t process_kills = 0;
  uint64_t stops = 0;         // of StopAfter, between two operations
  uint64_t sectors_kept = 0;  // written, not synced, and there after a crash
  uint64_t sectors_lost = 0;
  uint64_t sectors_torn = 0;
  uint64_t sizes_cut = 0;        // files shorter after a crash than they were
  uint64_t names_lost = 0;       // makings, renamings and removals undone by a crash
  uint64_t names_reordered = 0;  // such that survived an earlier one that did not
  uint64_t short_writes = 0;
  uint64_t disk_full = 0;   // writes cut or refused by the capacity itself
  uint64_t lost_syncs = 0;  // failed, and what they should have kept forgotten
  uint64_t damages = 0;     // by FlipBit, ZeroRange, Truncate, RemoveFile
  uint64_t unreadable = 0;  // readings that met what MakeUnreadable named
  ByCall calls = {};
  ByCall eio = {};  // by plan; not those of a dead process
  ByCall no_space = {};

  void Add(const SimDiskCounts& other);

  // Each number with its name, as in "sectors torn" and "EIO on write".
  std::vector<std::pair<std::string, uint64_t>> Rows() const;

  friend bool operator==(const SimDiskCounts&, const SimDiskCounts&) = default;
};

}  // namespace ei::support
