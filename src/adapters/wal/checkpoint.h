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

// What a restart need not find out again: an older one, or none, costs only events that are delivered twice.
struct Checkpoint {
  uint64_t durable_end = 0;   // everything below it was acknowledged as safe, or could have been
  uint64_t next_segment = 0;  // numbers from here on were never used
  SettledMap settled = SettledMap();
};

inline constexpr const char* kCheckpointName = "checkpoint";
inline constexpr const char* kUnfinishedCheckpointName = "checkpoint.tmp";  // worth nothing
inline constexpr uint64_t kCheckpointSlotBytes = 64 << 10;
inline constexpr size_t kCheckpointRunsMax = 4'000;  // as many as surely fit

// The file `checkpoint`: two slots that are written in turn, in place, in space that was taken at the start,
// so that it works on a full disk and a torn write leaves the other slot. Not thread-safe.
class CheckpointFile {
 public:
  // Makes the file anew, with this checkpoint in it; its name needs a Sync of the directory yet. One that was
  // there stays until that is on the disk.
  static DiskResult<CheckpointFile> Renew(Directory& directory, const Checkpoint& checkpoint);

  // Goes on with the file that is there.
  static DiskResult<CheckpointFile> Reuse(Directory& directory);

  // Reads only; nullopt: no file, or no sound slot in it.
  static DiskResult<std::optional<Checkpoint>> Read(Directory& directory);

  // After it has returned the checkpoint survives a loss of power. A failure leaves the one before; it may be
  // tried again.
  DiskResult<void> Save(const Checkpoint& checkpoint);

  // Whether it is the folder's checkpoint still; ENOENT: somebody moved, removed or replaced it.
  DiskResult<void> Confirm(Directory& directory) const { return directory.Confirm(kCheckpointName, *file_); }

 private:
  explicit CheckpointFile(std::unique_ptr<File> file, uint64_t generation)
      : file_(std::move(file)), generation_(generation) {}

  std::unique_ptr<File> file_;
  uint64_t generation_;  // of the newest sound slot
};

// A slot's content; of too many runs the lowest are kept.
std::string EncodeCheckpoint(const Checkpoint& checkpoint, uint64_t generation);
std::optional<Checkpoint> DecodeCheckpoint(std::string_view slot, uint64_t* generation);

}  // namespace ei::wal
