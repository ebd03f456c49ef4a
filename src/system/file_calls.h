#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>

namespace ei::system {

// The system calls that write events to the disk, as an interface so that tests can make each of them fail.
// Each does the same as the POSIX call of its name, including errno. Thread-safe.
class FileCalls {
 public:
  virtual ~FileCalls() = default;
  virtual int OpenAt(int directory, const char* name, int flags, mode_t mode) = 0;
  virtual int Close(int fd) = 0;
  virtual ssize_t Write(int fd, const void* data, size_t size) = 0;
  virtual ssize_t PWrite(int fd, const void* data, size_t size, off_t offset) = 0;
  virtual int FTruncate(int fd, off_t size) = 0;
  virtual int FDataSync(int fd) = 0;
  virtual int FSync(int fd) = 0;
  virtual int LStat(const char* path, struct stat* status) = 0;
};

// The real system calls; valid until the process ends.
FileCalls& RealFileCalls();

// Repeats the call for as long as a signal interrupts it.
template <typename Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// Owns an open file descriptor and closes it. Movable; not thread-safe.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(FileCalls& calls, int fd) : calls_(&calls), fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { Close(); }

  bool IsOpen() const { return fd_ >= 0; }
  int Get() const { return fd_; }
  void Close();

 private:
  FileCalls* calls_ = nullptr;
  int fd_ = -1;
};

}  // namespace ei::system
