#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/disk.h"

namespace ei::wal {

// The checkpoint file slot by slot, for tools that only read the log.
struct CheckpointView {
  enum class Slot : uint8_t { kEmpty, kSound, kDamaged };

  bool exists = false;
  std::array<Slot, 2> slots = {Slot::kEmpty, Slot::kEmpty};
  uint64_t generation = 0;           // of the newest sound slot
  std::optional<Checkpoint> newest;  // nullopt: no slot is sound
  // Why a start would find no checkpoint although there should be one. Empty: the file is as expected. A
  // single damaged slot is not reported here, as a crash while it was written leaves that.
  std::string damage;
};

// Fails if the file can't be read. An object with the checkpoint's name that is not a regular file is
// reported as damage.
DiskResult<CheckpointView> ViewCheckpoint(Directory& directory);

}  // namespace ei::wal
