#pragma once

#include <cstdint>
#include <span>

#include "adapters/wal/disk.h"

namespace ei::wal {

// Writes all of `bytes`, with repeated calls if needed.
DiskResult<void> WriteAll(File& file, uint64_t offset, std::span<const char> bytes);

// Writes zeros from `offset` on. This really allocates the space, so that later writes there change no
// metadata and a sync costs half; fallocate does not have this effect.
DiskResult<void> FillWithZeros(File& file, uint64_t offset, uint64_t bytes);

}  // namespace ei::wal
