#pragma once

#include <cstdint>

namespace ei::wal {

// What is believed of the files' numbers. More than this is damage, whatever the checksum says: no log gets
// there by itself, and counting on would wrap round.
inline constexpr uint64_t kPositionsMax = uint64_t{1} << 62;
inline constexpr uint64_t kSegmentNumbersMax = uint64_t{1} << 62;
inline constexpr uint64_t kSegmentBytesMax = 1 << 30;  // as much as wal.segment_bytes allows

}  // namespace ei::wal
