#include "system/edited_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "system/locked_folder.h"

namespace ei::system {

namespace {

using base::ErrorKind;

constexpr mode_t kNewFileMode = 0600;

std::unexpected<base::Error> Failure(const std::string& what, int error) {
  return base::Fail(ErrorKind::kStorage, what + ": " + ErrorText(error));
}

}  // namespace

base::Result<EditedFile> EditedFile::Open(const std::string& path, FileCalls& calls) {
  std::error_code fault;
  std::filesystem::path target(path);
  if (std::filesystem::is_symlink(target, fault)) {
    target = std::filesystem::canonical(target, fault);
    if (fault) return Failure("is a symbolic link that leads nowhere", fault.value());
  }
  const std::filesystem::path parent = target.has_parent_path() ? target.parent_path() : ".";
  EditedFile file(calls, target.string());
  file.folder_ = Descriptor(calls, calls.OpenAt(AT_FDCWD, parent.c_str(), O_RDONLY | O_DIRECTORY, 0));
  if (!file.folder_.IsOpen()) return Failure("can't be edited, as its folder can't be opened", errno);
  if (Uninterrupted([&] { return ::flock(file.folder_.Get(), LOCK_EX); }) != 0) {
    return Failure("can't be edited, as its folder can't be locked", errno);
  }
  file.exists_ = calls.LStat(file.path_.c_str(), &file.status_) == 0;
  if (!file.exists_ && errno != ENOENT) return Failure("can't be read", errno);
  if (file.exists_ && !S_ISREG(file.status_.st_mode)) {
    return base::Fail(ErrorKind::kInvalid, "is not a regular file");
  }
  return file;
}

base::Result<void> EditedFile::Replace(std::string_view content) {
  const std::string name = std::filesystem::path(path_).filename();
  // The lock keeps other editors away, so an existing file of this name was left by a crash.
  const std::string temporary = "." + name + ".new";
  if (auto written = WriteNew(temporary.c_str(), content); !written) {
    ::unlinkat(folder_.Get(), temporary.c_str(), 0);
    return written;
  }
  if (::renameat(folder_.Get(), temporary.c_str(), folder_.Get(), name.c_str()) != 0) {
    const int error = errno;
    ::unlinkat(folder_.Get(), temporary.c_str(), 0);
    return Failure("can't be replaced", error);
  }
  if (calls_->FSync(folder_.Get()) != 0) {
    return Failure("was replaced, but may have its old content after a crash, as its folder can't be synced",
                   errno);
  }
  return {};
}

base::Result<void> EditedFile::WriteNew(const char* name, std::string_view content) {
  ::unlinkat(folder_.Get(), name, 0);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  const Descriptor file(*calls_, calls_->OpenAt(folder_.Get(), name, kFlags, kNewFileMode));
  if (!file.IsOpen()) return Failure("can't be edited, as a file next to it can't be created", errno);
  while (!content.empty()) {
    const ssize_t written =
        Uninterrupted([&] { return calls_->Write(file.Get(), content.data(), content.size()); });
    if (written < 0) return Failure("can't be edited, as a file next to it can't be written", errno);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (exists_) {
    struct stat created = {};
    if (::fstat(file.Get(), &created) != 0) return Failure("can't be edited", errno);
    const bool same_owner = created.st_uid == status_.st_uid && created.st_gid == status_.st_gid;
    if (!same_owner && ::fchown(file.Get(), status_.st_uid, status_.st_gid) != 0) {
      return Failure("can't be edited by this user, as its owner would change", errno);
    }
    if (::fchmod(file.Get(), status_.st_mode & 07777) != 0) return Failure("can't be edited", errno);
  }
  if (calls_->FSync(file.Get()) != 0) {
    return Failure("can't be edited, as a file next to it can't be synced", errno);
  }
  return {};
}

}  // namespace ei::system
