#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ei::wal {

// What an operation gives, or the errno that it failed with.
template <typename T>
using DiskResult = std::expected<T, int>;

// One open file. Reads may run beside one writer; nothing else runs beside itself.
class File {
 public:
  virtual ~File() = default;

  // As pwrite: may take less than all, and what it took may be lost until Sync has returned. Of an operation
  // that failed any part may have reached the file.
  virtual DiskResult<size_t> Write(uint64_t offset, std::span<const char> bytes) = 0;

  // As pread: less than asked only at the end of the file.
  virtual DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) = 0;

  // What was written before this call survives a loss of power once it has returned. After a failure what was
  // written is lost or not, and another call tells nothing about it (fsync(2), "fsyncgate").
  virtual DiskResult<void> Sync() = 0;

  virtual DiskResult<uint64_t> Size() = 0;
};

// The folder of the log, and all that the log knows of a disk: the simulator puts one under it that forgets,
// tears and fails. Names are plain, without a slash. Thread-safe.
class Directory {
 public:
  virtual ~Directory() = default;

  // A new, empty file; EEXIST when the name is taken.
  virtual DiskResult<std::unique_ptr<File>> Create(const std::string& name) = 0;
  virtual DiskResult<std::unique_ptr<File>> Open(const std::string& name) = 0;

  // Takes the place of a file that has the new name. Open files go on under it.
  virtual DiskResult<void> Rename(const std::string& from, const std::string& to) = 0;
  virtual DiskResult<void> Remove(const std::string& name) = 0;

  // Names made, changed and removed before this call survive a loss of power once it has returned.
  virtual DiskResult<void> Sync() = 0;

  virtual DiskResult<std::vector<std::string>> List() = 0;

  // Whether this file, which was made or opened here, is the one under this name still, in a folder that is
  // where it was and is ours; ENOENT: somebody moved, removed or replaced one of them.
  virtual DiskResult<void> Confirm(const std::string& name, const File& file) = 0;
};

}  // namespace ei::wal
