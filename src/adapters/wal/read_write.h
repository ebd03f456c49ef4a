#pragma once

#include <cstdint>
#include <span>

#include "adapters/wal/disk.h"

namespace ei::wal {

// Writes all of `bytes`, in as many calls as it takes.
DiskResult<void> WriteAll(File& file, uint64_t offset, std::span<const char> bytes);

// Zeros from `offset` on: space that is really taken, so that later writes there change no metadata
// and a sync costs half (fallocate does not do that).
DiskResult<void> FillWithZeros(File& file, uint64_t offset, uint64_t bytes);

}  // namespace ei::wal
