#pragma once

#include <cstdint>
#include <optional>

namespace ei::file_sink {

// A segment is synced after every batch, so a crash can damage only the last batch: at most kBatchBytesMax,
// or one longer line. It may leave an incomplete line there, or NUL bytes in blocks that were not yet
// written, also before blocks that were. Valid JSON has no NUL, so the sound part ends with the last line
// before the first NUL.
inline constexpr uint64_t kBatchBytesMax = 4 << 20;

// How far back the search for the end of the sound part goes. Longer lines are not supported.
inline constexpr uint64_t kTailBytesMax = 128 << 20;

// Returns how many bytes of the file to keep: `size` if the file is intact. Reads at most kBatchBytesMax,
// unless the last lines are longer. nullopt: the file can't be read (errno is the error), or there is no
// complete line within kTailBytesMax (errno is 0).
std::optional<uint64_t> SoundBytes(int fd, uint64_t size);

}  // namespace ei::file_sink
