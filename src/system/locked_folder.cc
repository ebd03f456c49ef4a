#include "system/locked_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace ei::system {

using base::ErrorKind;

namespace {

constexpr mode_t kFolderMode = 0750;

bool SyncFolder(const std::filesystem::path& path, FileCalls& calls) {
  const Descriptor folder(
      calls, calls.OpenAt(AT_FDCWD, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY, 0));
  return folder.IsOpen() && Uninterrupted([&] { return calls.FSync(folder.Get()); }) == 0;
}

bool IsFolder(const std::filesystem::path& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Creates each missing folder of the path and syncs its parent. An existing folder may have been created by a
// start that failed before its sync, so its parent is synced too, if this user has the permission. Returns an
// errno, or 0.
int MakeFolders(const std::filesystem::path& path, FileCalls& calls) {
  std::filesystem::path folder;
  for (const auto& part : path) {
    const std::filesystem::path parent = folder;
    folder /= part;
    const bool made = ::mkdir(folder.c_str(), kFolderMode) == 0;
    const int error = made ? 0 : errno;
    if (!made && !IsFolder(folder)) return error == EEXIST ? ENOTDIR : error;
    if (!SyncFolder(parent, calls) && made) return errno;
  }
  return 0;
}

}  // namespace

base::FileIdentity IdentityOf(const struct stat& status) { return {status.st_dev, status.st_ino}; }

std::string ErrorText(int error) { return std::system_category().message(error); }

base::Result<LockedFolder> LockedFolder::Open(const std::string& path, const char* lock_file,
                                              std::string_view setting, FileCalls& calls) {
  const auto fail = [&](std::string_view why, ErrorKind kind = ErrorKind::kStorage) {
    return base::Fail(kind, std::string(setting) + ' ' + path + ": " + std::string(why));
  };
  if (path.empty()) return fail("is empty; set it to a folder");
  if (const int error = MakeFolders(path, calls); error != 0) {
    return fail("can't create the folder: " + ErrorText(error) + "; use a path that can be created");
  }
  LockedFolder opened;
  opened.folder = Descriptor(calls, calls.OpenAt(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0));
  int error = errno;
  if (!opened.folder.IsOpen()) return fail("can't open the folder: " + ErrorText(error));
  if (::faccessat(opened.folder.Get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    error = errno;
    return fail("the folder is not writable: " + ErrorText(error) + "; give this user write permission");
  }
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  opened.lock = Descriptor(calls, calls.OpenAt(opened.folder.Get(), lock_file, kFlags, kFileMode));
  struct stat status = {};
  if (!opened.lock.IsOpen() || ::fstat(opened.lock.Get(), &status) != 0) {
    error = errno;
    return fail("can't open " + std::string(lock_file) + " for writing: " + ErrorText(error));
  }
  opened.lock_identity = IdentityOf(status);
  if (::flock(opened.lock.Get(), LOCK_EX | LOCK_NB) == 0) return opened;
  error = errno;
  if (error == EWOULDBLOCK) {
    return fail("another process writes there, perhaps a running service (it holds " +
                    std::string(lock_file) + "); give each process its own folder",
                ErrorKind::kUnavailable);
  }
  return fail("can't lock " + std::string(lock_file) + ": " + ErrorText(error));
}

}  // namespace ei::system
