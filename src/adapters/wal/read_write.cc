#include "adapters/wal/read_write.h"

#include <algorithm>
#include <cerrno>
#include <vector>

namespace ei::wal {

DiskResult<void> WriteAll(File& file, uint64_t offset, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const auto written = file.Write(offset, bytes);
    if (!written) return std::unexpected(written.error());
    if (*written == 0) return std::unexpected(EIO);
    offset += *written;
    bytes = bytes.subspan(*written);
  }
  return {};
}

DiskResult<void> FillWithZeros(File& file, uint64_t offset, uint64_t bytes) {
  constexpr uint64_t kChunk = 256 << 10;
  const std::vector<char> zeros(std::min(bytes, kChunk));
  for (uint64_t done = 0; done < bytes; done += kChunk) {
    const auto chunk = std::span(zeros).first(std::min(kChunk, bytes - done));
    if (auto written = WriteAll(file, offset + done, chunk); !written) return written;
  }
  return {};
}

}  // namespace ei::wal
