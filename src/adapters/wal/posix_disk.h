#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/disk.h"
#include "base/file_identity.h"
#include "base/result.h"

namespace ei::wal {

// A file descriptor; closes it.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Descriptor();

  bool IsOpen() const { return fd_ >= 0; }
  int Get() const { return fd_; }

 private:
  int fd_;
};

// A folder of the machine's own file system. New folders have the mode 0750, new files 0640. What stands
// under a name is opened only if it is a regular file: a link, a pipe or a device gives EINVAL, at once.
class PosixDirectory final : public Directory {
 public:
  // Locked (flock) by the one that writes here; List passes it over.
  static constexpr const char* kLockFile = "LOCK";

  // Makes the folder, with its parents, when it is missing. While the result lives, no other can be opened
  // for this folder, in this process or another; kUnavailable says that there is one.
  static base::Result<std::unique_ptr<PosixDirectory>> OpenForWriting(const std::string& path);

  // For tools that look on, also beside the process that writes: makes nothing, and whatever would write
  // (Sync too) gives EROFS.
  static base::Result<std::unique_ptr<PosixDirectory>> OpenReadOnly(const std::string& path);

  DiskResult<std::unique_ptr<File>> Create(const std::string& name) override;
  DiskResult<std::unique_ptr<File>> Open(const std::string& name) override;
  DiskResult<void> Rename(const std::string& from, const std::string& to) override;
  DiskResult<void> Remove(const std::string& name) override;
  DiskResult<void> Sync() override;
  DiskResult<std::vector<std::string>> List() override;
  // Two system calls. The lock file vouches for the folder and that no other process may write there.
  DiskResult<void> Confirm(const std::string& name, const File& file) override;

 private:
  PosixDirectory(const std::string& path, Descriptor directory, Descriptor lock,
                 const base::FileIdentity& lock_identity)
      : lock_path_(path + '/' + kLockFile),
        directory_(std::move(directory)),
        lock_(std::move(lock)),
        lock_identity_(lock_identity) {}

  bool IsReadOnly() const { return !lock_.IsOpen(); }

  const std::string lock_path_;
  const Descriptor directory_;
  const Descriptor lock_;
  const base::FileIdentity lock_identity_;
};

}  // namespace ei::wal
