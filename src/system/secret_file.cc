#include "system/secret_file.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace ei::system {

namespace {

std::unexpected<base::Error> FailOf(const SecretFile& file, std::string_view what) {
  std::string message(file.setting);
  return base::Fail(base::ErrorKind::kInvalid,
                    message.append(": ").append(file.path).append(" ").append(what));
}

std::string CannotBeRead(int code) { return "can't be read: " + std::generic_category().message(code); }

// Reads at most kSecretBytesMax plus one block. Returns -1 on failure; errno has the reason.
ssize_t ReadUpToLimit(int file, std::string& content) {
  std::array<char, 16 * 1024> block;
  while (content.size() <= kSecretBytesMax) {
    const ssize_t count = ::read(file, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count;
    content.append(block.data(), static_cast<size_t>(count));
  }
  return 0;
}

}  // namespace

base::Result<std::string> ReadSecret(const SecretFile& file) {
  // O_NONBLOCK, because opening a pipe without a writer would block forever.
  const int opened = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened < 0) return FailOf(file, CannotBeRead(errno));
  std::string content;
  const ssize_t status = ReadUpToLimit(opened, content);
  const int code = errno;
  ::close(opened);
  if (status < 0) return FailOf(file, CannotBeRead(code));
  if (content.size() > kSecretBytesMax) return FailOf(file, "is larger than 1 MiB; is it the right file?");
  while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
  if (content.empty()) return FailOf(file, "is empty");
  if (content.find('\0') != std::string::npos)
    return FailOf(file, "holds a zero byte; is it the right file?");
  return content;
}

}  // namespace ei::system
