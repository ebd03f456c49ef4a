#pragma once

#include <cstdint>
#include <optional>

namespace ei::file_sink {

// A segment is synced after every batch, so a crash can harm only the last one: at most kBatchBytesMax, or
// one longer line. There it may leave a line without its end, or NUL bytes where blocks had not been written
// yet, also before blocks that had been. No NUL stands in valid JSON, so the sound part ends with the last
// line before the first NUL.
inline constexpr uint64_t kBatchBytesMax = 4 << 20;

// How far back the search for the sound part goes. Longer lines than this are not looked at.
inline constexpr uint64_t kTailBytesMax = 128 << 20;

// How many bytes of the file to keep, `size` when it is whole. Reads at most kBatchBytesMax of it as long as
// the last lines are shorter than that. nullopt: they can't be read (errno says why), or there is no line
// break within kTailBytesMax (errno is 0).
std::optional<uint64_t> SoundBytes(int fd, uint64_t size);

}  // namespace ei::file_sink
