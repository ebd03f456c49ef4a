#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/wal/disk.h"
#include "adapters/wal/settled_map.h"

namespace ei::wal {

// State that a restart reads instead of recomputing it. With an older checkpoint, or none, recovery only
// delivers some events twice.
struct Checkpoint {
  uint64_t durable_end = 0;   // all positions below are synced and may have been acknowledged
  uint64_t next_segment = 0;  // segment numbers from here on were never used
  SettledMap settled = SettledMap();
};

inline constexpr const char* kCheckpointName = "checkpoint";
inline constexpr const char* kUnfinishedCheckpointName = "checkpoint.tmp";  // left by a crash; discarded
inline constexpr uint64_t kCheckpointSlotBytes = 64 << 10;
// Runs of settled positions in a checkpoint: fewer than fit into a slot. Three quarters are the lowest runs,
// the rest are for segments that were released above these (CheckpointSaver::ReserveRelease).
inline constexpr size_t kCheckpointRunsMax = 4'000;
constexpr size_t LowestRuns(size_t runs_max) { return runs_max - runs_max / 4; }

// The file `checkpoint`: two slots that are written in turn and in place. Its space is allocated at the
// start, so that a save works on a full disk. A torn write leaves the other slot intact. Not thread-safe.
class CheckpointFile {
 public:
  // Replaces the file with a new one that holds this checkpoint. The caller must sync the directory
  // afterwards; until then a loss of power may bring the previous file back.
  static DiskResult<CheckpointFile> Renew(Directory& directory, const Checkpoint& checkpoint);

  // Opens the existing file for further saves.
  static DiskResult<CheckpointFile> Reuse(Directory& directory);

  // Reads the newest sound slot and changes nothing. nullopt: there is no file, or no slot is sound.
  static DiskResult<std::optional<Checkpoint>> Read(Directory& directory);

  // Writes and syncs the older slot: on success the checkpoint survives a loss of power. On failure the
  // previous checkpoint is still valid, and the call may be retried.
  DiskResult<void> Save(const Checkpoint& checkpoint);

  // Checks that the open file is still the folder's checkpoint. ENOENT: another process moved, removed or
  // replaced it.
  DiskResult<void> Confirm(Directory& directory) const { return directory.Confirm(kCheckpointName, *file_); }

 private:
  explicit CheckpointFile(std::unique_ptr<File> file, uint64_t generation)
      : file_(std::move(file)), generation_(generation) {}

  std::unique_ptr<File> file_;
  uint64_t generation_;  // of the newest sound slot
};

// The content of one slot. If the checkpoint has more runs than fit, the lowest ones are kept.
std::string EncodeCheckpoint(const Checkpoint& checkpoint, uint64_t generation);
std::optional<Checkpoint> DecodeCheckpoint(std::string_view slot, uint64_t* generation);

}  // namespace ei::wal
