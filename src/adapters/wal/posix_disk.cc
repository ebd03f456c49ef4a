#include "adapters/wal/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace ei::wal {

using base::ErrorKind;

namespace {

constexpr mode_t kFolderMode = 0750;
constexpr mode_t kFileMode = 0640;

// Repeats the call for as long as a signal interrupts it.
template <typename Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::unexpected<int> Errno() { return std::unexpected(errno); }

DiskResult<void> DoneIf(bool done) {
  if (!done) return Errno();
  return {};
}

Descriptor OpenAt(int directory, const char* name, int flags) {
  return Descriptor(Uninterrupted([&] { return ::openat(directory, name, flags | O_CLOEXEC, kFileMode); }));
}

// Names come from the log itself, so any other name is a bug.
const char* Checked(const std::string& name) {
  assert(!name.empty() && name != "." && name != ".." && name != PosixDirectory::kLockFile);
  assert(!name.contains('/') && !name.contains('\0'));
  return name.c_str();
}

base::FileIdentity IdentityOf(const struct stat& status) { return {status.st_dev, status.st_ino}; }

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
  PosixFile(Descriptor fd, const struct stat& status, bool read_only)
      : fd_(std::move(fd)), identity_(IdentityOf(status)), read_only_(read_only) {}

  const base::FileIdentity& Identity() const { return identity_; }

  DiskResult<size_t> Write(uint64_t offset, std::span<const char> bytes) override {
    if (read_only_) return std::unexpected(EROFS);
    const auto at = static_cast<off_t>(offset);
    const ssize_t taken = Uninterrupted([&] { return ::pwrite(fd_.Get(), bytes.data(), bytes.size(), at); });
    if (taken < 0) return Errno();
    return static_cast<size_t>(taken);
  }

  // Continues after a short read, which a signal may have caused rather than the end of the file.
  DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const std::span<char> rest = bytes.subspan(done);
      const auto at = static_cast<off_t>(offset + done);
      const ssize_t got = Uninterrupted([&] { return ::pread(fd_.Get(), rest.data(), rest.size(), at); });
      if (got < 0) return Errno();
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  // fdatasync also writes the file's size, because the data could not be read without it.
  DiskResult<void> Sync() override {
    if (read_only_) return std::unexpected(EROFS);
    return DoneIf(Uninterrupted([&] { return ::fdatasync(fd_.Get()); }) == 0);
  }

  DiskResult<uint64_t> Size() override {
    struct stat status = {};
    if (::fstat(fd_.Get(), &status) != 0) return Errno();
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  const Descriptor fd_;
  const base::FileIdentity identity_;
  const bool read_only_;
};

std::string Text(int error) { return std::system_category().message(error); }

std::unexpected<base::Error> FolderError(ErrorKind kind, const std::string& path, std::string_view why) {
  return base::Fail(kind, "wal.dir (WAL_DIR) " + path + ": " + std::string(why));
}

bool SyncFolder(const std::filesystem::path& path) {
  const Descriptor folder = OpenAt(AT_FDCWD, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY);
  return folder.IsOpen() && Uninterrupted([&] { return ::fsync(folder.Get()); }) == 0;
}

bool IsFolder(const std::filesystem::path& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Creates each missing folder of the path and syncs its parent. An existing folder may have been created by a
// start that failed before its sync, so its parent is synced too, if this user has the permission. Returns an
// errno, or 0.
int MakeFolders(const std::filesystem::path& path) {
  std::filesystem::path folder;
  for (const auto& part : path) {
    const std::filesystem::path parent = folder;
    folder /= part;
    const bool made = ::mkdir(folder.c_str(), kFolderMode) == 0;
    const int error = made ? 0 : errno;
    if (!made && !IsFolder(folder)) return error == EEXIST ? ENOTDIR : error;
    if (!SyncFolder(parent) && made) return errno;
  }
  return 0;
}

base::Result<Descriptor> OpenFolder(const std::string& path) {
  Descriptor folder = OpenAt(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  const int error = errno;
  if (!folder.IsOpen()) {
    return FolderError(ErrorKind::kStorage, path, "can't open the folder: " + Text(error));
  }
  return folder;
}

base::Result<Descriptor> Lock(int directory, const std::string& path) {
  const std::string name = PosixDirectory::kLockFile;
  Descriptor lock = OpenAt(directory, name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
  if (!lock.IsOpen()) {
    const int error = errno;
    return FolderError(ErrorKind::kStorage, path, "can't open " + name + " for writing: " + Text(error));
  }
  if (::flock(lock.Get(), LOCK_EX | LOCK_NB) == 0) return lock;
  const int error = errno;
  if (error == EWOULDBLOCK) {
    return FolderError(
        ErrorKind::kUnavailable, path,
        "another process writes there (it holds " + name + "); give each process its own folder");
  }
  return FolderError(ErrorKind::kStorage, path, "can't lock " + name + ": " + Text(error));
}

}  // namespace

Descriptor::~Descriptor() {
  // The result of close() does not matter: everything important was synced before, and Linux frees the
  // descriptor even on failure.
  if (fd_ >= 0) ::close(fd_);
}

base::Result<std::unique_ptr<PosixDirectory>> PosixDirectory::OpenForWriting(const std::string& path) {
  if (path.empty()) return FolderError(ErrorKind::kStorage, path, "is empty; set it to a folder for the log");
  if (const int error = MakeFolders(path); error != 0) {
    return FolderError(ErrorKind::kStorage, path,
                       "can't create the folder: " + Text(error) + "; use a path that can be created");
  }
  auto folder = OpenFolder(path);
  if (!folder) return std::unexpected(std::move(folder.error()));
  if (::faccessat(folder->Get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    const int error = errno;
    return FolderError(ErrorKind::kStorage, path,
                       "the folder is not writable: " + Text(error) + "; give this user write permission");
  }
  auto lock = Lock(folder->Get(), path);
  if (!lock) return std::unexpected(std::move(lock.error()));
  struct stat status = {};
  if (::fstat(lock->Get(), &status) != 0) {
    const int error = errno;
    return FolderError(ErrorKind::kStorage, path, "can't get the status of the lock file: " + Text(error));
  }
  return std::unique_ptr<PosixDirectory>(
      new PosixDirectory(path, std::move(*folder), std::move(*lock), IdentityOf(status)));
}

base::Result<std::unique_ptr<PosixDirectory>> PosixDirectory::OpenReadOnly(const std::string& path) {
  auto folder = OpenFolder(path);
  if (!folder) return std::unexpected(std::move(folder.error()));
  return std::unique_ptr<PosixDirectory>(new PosixDirectory(path, std::move(*folder), Descriptor(), {}));
}

DiskResult<std::unique_ptr<File>> PosixDirectory::Create(const std::string& name) {
  if (IsReadOnly()) return std::unexpected(EROFS);
  Descriptor file = OpenAt(directory_.Get(), Checked(name), O_RDWR | O_CREAT | O_EXCL);
  struct stat status = {};
  if (!file.IsOpen() || ::fstat(file.Get(), &status) != 0) return Errno();
  return std::make_unique<PosixFile>(std::move(file), status, false);
}

// O_NONBLOCK: open would block on a pipe or a device until the other side opens it. The flag does nothing for
// a regular file.
DiskResult<std::unique_ptr<File>> PosixDirectory::Open(const std::string& name) {
  const int access = IsReadOnly() ? O_RDONLY : O_RDWR;
  Descriptor file = OpenAt(directory_.Get(), Checked(name), access | O_NOFOLLOW | O_NONBLOCK);
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
  const int folder = directory_.Get();
  return DoneIf(::renameat(folder, Checked(from), folder, Checked(to)) == 0);
}

DiskResult<void> PosixDirectory::Remove(const std::string& name) {
  if (IsReadOnly()) return std::unexpected(EROFS);
  return DoneIf(::unlinkat(directory_.Get(), Checked(name), 0) == 0);
}

// Uses fsync, because fdatasync of a folder need not write a new entry.
DiskResult<void> PosixDirectory::Sync() {
  if (IsReadOnly()) return std::unexpected(EROFS);
  return DoneIf(Uninterrupted([&] { return ::fsync(directory_.Get()); }) == 0);
}

DiskResult<void> PosixDirectory::Confirm(const std::string& name, const File& file) {
  if (IsReadOnly()) return std::unexpected(EROFS);
  const auto lock = IdentityAt(AT_FDCWD, lock_path_.c_str());
  if (!lock) return std::unexpected(lock.error());
  if (*lock != lock_identity_) return std::unexpected(ENOENT);
  const auto there = IdentityAt(directory_.Get(), Checked(name));
  if (!there) return std::unexpected(there.error());
  // All files of this folder are PosixFiles.
  if (*there != static_cast<const PosixFile&>(file).Identity()) return std::unexpected(ENOENT);
  return {};
}

// Each call opens a new stream, because a stream has its own read position.
DiskResult<std::vector<std::string>> PosixDirectory::List() {
  const int fd =
      Uninterrupted([&] { return ::openat(directory_.Get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return Errno();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  if (stream == nullptr) {
    const Descriptor closed(fd);
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
