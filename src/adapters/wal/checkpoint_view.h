#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/disk.h"

namespace ei::wal {

// The checkpoint file as someone sees it who looks on, slot by slot.
struct CheckpointView {
  enum class Slot : uint8_t { kEmpty, kSound, kDamaged };

  bool exists = false;
  std::array<Slot, 2> slots = {Slot::kEmpty, Slot::kEmpty};
  uint64_t generation = 0;           // of the newest sound slot
  std::optional<Checkpoint> newest;  // nullopt: no slot is sound
  // Why a start would find nothing in it although there should be something; empty: it is as it should be.
  // One damaged slot is no damage: a crash while it was written leaves that.
  std::string damage;
};

// Fails when the file can't be looked at; what stands under its name but is no file is damage.
DiskResult<CheckpointView> ViewCheckpoint(Directory& directory);

}  // namespace ei::wal
