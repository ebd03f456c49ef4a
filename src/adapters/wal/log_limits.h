#pragma once

#include <cstdint>

namespace ei::wal {

// Upper bounds of numbers in the log's files. A larger number is treated as damage even if its checksum is
// right: no log reaches these values in practice, and counting on from there could overflow.
inline constexpr uint64_t kPositionsMax = uint64_t{1} << 62;
inline constexpr uint64_t kSegmentNumbersMax = uint64_t{1} << 62;
inline constexpr uint64_t kSegmentBytesMax = 1 << 30;  // no larger one is made

}  // namespace ei::wal
