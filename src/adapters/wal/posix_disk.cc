#include "adapters/wal/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <string_view>

namespace ei::wal {

namespace {

constexpr std::string_view kSetting = "wal.dir (WAL_DIR)";

std::unexpected<int> Errno() { return std::unexpected(errno); }

DiskResult<void> DoneIf(bool done) {
  if (!done) return Errno();
  return {};
}

system::Descriptor OpenAt(int directory, const char* name, int flags) {
  const int fd =
      system::Uninterrupted([&] { return ::openat(directory, name, flags | O_CLOEXEC, system::kFileMode); });
  return {system::RealFileCalls(), fd};
}

// Names come from the log itself, so any other name is a bug.
const char* Checked(const std::string& name) {
  assert(!name.empty() && name != "." && name != ".." && name != PosixDirectory::kLockFile);
  assert(!name.contains('/') && !name.contains('\0'));
  return name.c_str();
}

// Asks only for the inode: stat() also asks for the file's times. Then Linux (multigrain timestamps, 6.13)
// gives the next write a new timestamp, and each sync of the log would have to write the inode in addition to
// the data.
DiskResult<base::FileIdentity> IdentityAt(int directory, const char* path) {
  struct statx status = {};
  if (::statx(directory, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &status) != 0) return Errno();
  return base::FileIdentity{makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino};
}

class PosixFile final : public File {
 public:
  PosixFile(system::Descriptor fd, const struct stat& status, bool read_only)
      : fd_(std::move(fd)), identity_(system::IdentityOf(status)), read_only_(read_only) {}

  const base::FileIdentity& Identity() const { return identity_; }

  DiskResult<size_t> Write(uint64_t offset, std::span<const char> bytes) override {
    if (read_only_) return std::unexpected(EROFS);
    const auto at = static_cast<off_t>(offset);
    const ssize_t taken =
        system::Uninterrupted([&] { return ::pwrite(fd_.Get(), bytes.data(), bytes.size(), at); });
    if (taken < 0) return Errno();
    return static_cast<size_t>(taken);
  }

  // Continues after a short read, which a signal may have caused rather than the end of the file.
  DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const std::span<char> rest = bytes.subspan(done);
      const auto at = static_cast<off_t>(offset + done);
      const ssize_t got =
          system::Uninterrupted([&] { return ::pread(fd_.Get(), rest.data(), rest.size(), at); });
      if (got < 0) return Errno();
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  // fdatasync also writes the file's size, because the data could not be read without it.
  DiskResult<void> Sync() override {
    if (read_only_) return std::unexpected(EROFS);
    return DoneIf(system::Uninterrupted([&] { return ::fdatasync(fd_.Get()); }) == 0);
  }

  DiskResult<uint64_t> Size() override {
    struct stat status = {};
    if (::fstat(fd_.Get(), &status) != 0) return Errno();
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  const system::Descriptor fd_;
  const base::FileIdentity identity_;
  const bool read_only_;
};

}  // namespace

base::Result<std::unique_ptr<PosixDirectory>> PosixDirectory::OpenForWriting(const std::string& path) {
  auto folder = system::LockedFolder::Open(path, kLockFile, kSetting, system::RealFileCalls());
  if (!folder) return std::unexpected(std::move(folder.error()));
  return std::unique_ptr<PosixDirectory>(new PosixDirectory(path, std::move(*folder)));
}

base::Result<std::unique_ptr<PosixDirectory>> PosixDirectory::OpenReadOnly(const std::string& path) {
  system::LockedFolder opened;
  opened.folder = OpenAt(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!opened.folder.IsOpen()) {
    const int error = errno;
    return base::Fail(base::ErrorKind::kStorage, std::string(kSetting) + ' ' + path +
                                                     ": can't open the folder: " + system::ErrorText(error));
  }
  return std::unique_ptr<PosixDirectory>(new PosixDirectory(path, std::move(opened)));
}

DiskResult<std::unique_ptr<File>> PosixDirectory::Create(const std::string& name) {
  if (IsReadOnly()) return std::unexpected(EROFS);
  system::Descriptor file = OpenAt(folder_.folder.Get(), Checked(name), O_RDWR | O_CREAT | O_EXCL);
  struct stat status = {};
  if (!file.IsOpen() || ::fstat(file.Get(), &status) != 0) return Errno();
  return std::make_unique<PosixFile>(std::move(file), status, false);
}

// O_NONBLOCK: open would block on a pipe or a device until the other side opens it. The flag does nothing for
// a regular file.
DiskResult<std::unique_ptr<File>> PosixDirectory::Open(const std::string& name) {
  const int access = IsReadOnly() ? O_RDONLY : O_RDWR;
  system::Descriptor file = OpenAt(folder_.folder.Get(), Checked(name), access | O_NOFOLLOW | O_NONBLOCK);
  if (!file.IsOpen()) {
    const bool other = errno == ELOOP || errno == EISDIR || errno == ENXIO;  // a link, a folder, a socket
    return std::unexpected(other ? EINVAL : errno);
  }
  struct stat status = {};
  if (::fstat(file.Get(), &status) != 0) return Errno();
  if (!S_ISREG(status.st_mode)) return std::unexpected(EINVAL);
  return std::make_unique<PosixFile>(std::move(file), status, IsReadOnly());
}

DiskResult<void> PosixDirectory::Rename(const std::string& from, const std::string& to) {
  if (IsReadOnly()) return std::unexpected(EROFS);
  const int folder = folder_.folder.Get();
  return DoneIf(::renameat(folder, Checked(from), folder, Checked(to)) == 0);
}

DiskResult<void> PosixDirectory::Remove(const std::string& name) {
  if (IsReadOnly()) return std::unexpected(EROFS);
  return DoneIf(::unlinkat(folder_.folder.Get(), Checked(name), 0) == 0);
}

// Uses fsync, because fdatasync of a folder need not write a new entry.
DiskResult<void> PosixDirectory::Sync() {
  if (IsReadOnly()) return std::unexpected(EROFS);
  return DoneIf(system::Uninterrupted([&] { return ::fsync(folder_.folder.Get()); }) == 0);
}

DiskResult<void> PosixDirectory::Confirm(const std::string& name, const File& file) {
  if (IsReadOnly()) return std::unexpected(EROFS);
  const auto lock = IdentityAt(AT_FDCWD, lock_path_.c_str());
  if (!lock) return std::unexpected(lock.error());
  if (*lock != folder_.lock_identity) return std::unexpected(ENOENT);
  const auto there = IdentityAt(folder_.folder.Get(), Checked(name));
  if (!there) return std::unexpected(there.error());
  // All files of this folder are PosixFiles.
  if (*there != static_cast<const PosixFile&>(file).Identity()) return std::unexpected(ENOENT);
  return {};
}

// Each call opens a new stream, because a stream has its own read position.
DiskResult<std::vector<std::string>> PosixDirectory::List() {
  const int fd = system::Uninterrupted(
      [&] { return ::openat(folder_.folder.Get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return Errno();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  if (stream == nullptr) {
    const system::Descriptor closed(system::RealFileCalls(), fd);
    return Errno();
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): safe if no other thread uses the stream (readdir(3))
    const dirent* const entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name != kLockFile) names.emplace_back(name);
  }
  if (errno != 0) return Errno();
  return names;
}

}  // namespace ei::wal
