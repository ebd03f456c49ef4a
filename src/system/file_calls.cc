#include "system/file_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace ei::system {

namespace {

class PosixCalls final : public FileCalls {
 public:
  int OpenAt(int directory, const char* name, int flags, mode_t mode) override {
    return ::openat(directory, name, flags | O_CLOEXEC, mode);
  }
  int Close(int fd) override { return ::close(fd); }
  ssize_t Write(int fd, const void* data, size_t size) override { return ::write(fd, data, size); }
  ssize_t PWrite(int fd, const void* data, size_t size, off_t offset) override {
    return ::pwrite(fd, data, size, offset);
  }
  int FTruncate(int fd, off_t size) override { return ::ftruncate(fd, size); }
  int FDataSync(int fd) override { return ::fdatasync(fd); }
  int FSync(int fd) override { return ::fsync(fd); }
  int LStat(const char* path, struct stat* status) override { return ::lstat(path, status); }
};

}  // namespace

FileCalls& RealFileCalls() {
  static PosixCalls calls;
  return calls;
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : calls_(other.calls_), fd_(std::exchange(other.fd_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  Close();
  calls_ = other.calls_;
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

void Descriptor::Close() {
  // The result of close() doesn't matter: the data was synced before, and Linux frees the descriptor even if
  // it fails.
  if (fd_ >= 0) calls_->Close(fd_);
  fd_ = -1;
}

}  // namespace ei::system
