#include "adapters/file_sink/segment_tail.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "system/file_calls.h"

namespace ei::file_sink {

namespace {

// Fills `out` from the file at `offset`. Returns false on an error, which is in errno.
bool ReadAt(int fd, uint64_t offset, std::string& out) {
  for (size_t got = 0; got < out.size();) {
    const ssize_t n = system::Uninterrupted(
        [&] { return ::pread(fd, out.data() + got, out.size() - got, static_cast<off_t>(offset + got)); });
    if (n == 0) errno = EIO;  // the file became shorter
    if (n <= 0) return false;
    got += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

std::optional<uint64_t> SoundBytes(int fd, uint64_t size) {
  std::string bytes;
  for (uint64_t window = kBatchBytesMax;; window = std::min(window * 4, kTailBytesMax)) {
    const uint64_t begin = size - std::min(size, window);
    bytes.resize(size - begin);
    if (!ReadAt(fd, begin, bytes)) return std::nullopt;
    const std::string_view tail(bytes);
    const size_t line_end = tail.substr(0, tail.find('\0')).rfind('\n');
    if (begin == 0) return line_end == std::string_view::npos ? 0 : line_end + 1;
    // If the window contains no start of a line, the last batch may begin before it.
    const bool saw_beginning = tail.find('\n') < tail.size() - 1;
    if (saw_beginning && line_end != std::string_view::npos) return begin + line_end + 1;
    if (window == kTailBytesMax) break;
  }
  errno = 0;
  return std::nullopt;
}

}  // namespace ei::file_sink
