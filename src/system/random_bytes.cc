#include "system/random_bytes.h"

#include <sys/random.h>

#include <cerrno>

#include "system/file_calls.h"
#include "system/locked_folder.h"

namespace ei::system {

base::Result<void> FillWithRandomBytes(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t filled = Uninterrupted([&] { return ::getrandom(bytes.data(), bytes.size(), 0); });
    if (filled < 0) {
      return base::Fail(base::ErrorKind::kUnavailable,
                        "the kernel gives no random bytes: " + ErrorText(errno));
    }
    bytes = bytes.subspan(static_cast<size_t>(filled));
  }
  return {};
}

}  // namespace ei::system
