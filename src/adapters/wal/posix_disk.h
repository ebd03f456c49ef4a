#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/disk.h"
#include "base/result.h"
#include "system/locked_folder.h"

namespace ei::wal {

// A folder of the local file system. New folders get the mode 0750, new files 0640. Only regular files can be
// opened: for a link, a pipe or a device Open fails at once with EINVAL.
class PosixDirectory final : public Directory {
 public:
  // Locked (flock) by the process that writes to the folder; not part of List().
  static constexpr const char* kLockFile = "LOCK";

  // Creates the folder and its parents if they are missing. While the result lives, the folder can't be
  // opened for writing again, in this process or another. kUnavailable: it is already open for writing.
  static base::Result<std::unique_ptr<PosixDirectory>> OpenForWriting(const std::string& path);

  // For tools that only read, also while another process writes to the folder. Creates nothing; every
  // modifying call, Sync included, fails with EROFS.
  static base::Result<std::unique_ptr<PosixDirectory>> OpenReadOnly(const std::string& path);

  DiskResult<std::unique_ptr<File>> Create(const std::string& name) override;
  DiskResult<std::unique_ptr<File>> Open(const std::string& name) override;
  DiskResult<void> Rename(const std::string& from, const std::string& to) override;
  DiskResult<void> Remove(const std::string& name) override;
  DiskResult<void> Sync() override;
  DiskResult<std::vector<std::string>> List() override;
  // Costs two system calls. If the lock file is unchanged, the folder is still at its path and no other
  // process may write to it.
  DiskResult<void> Confirm(const std::string& name, const File& file) override;

 private:
  PosixDirectory(const std::string& path, system::LockedFolder folder)
      : lock_path_(path + '/' + kLockFile), folder_(std::move(folder)) {}

  bool IsReadOnly() const { return !folder_.lock.IsOpen(); }

  const std::string lock_path_;
  const system::LockedFolder folder_;  // without a lock if it is read-only
};

}  // namespace ei::wal
