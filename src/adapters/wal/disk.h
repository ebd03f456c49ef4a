#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ei::wal {

// The result of an operation, or the errno that it failed with.
template <typename T>
using DiskResult = std::expected<T, int>;

// One open file. Reads may run concurrently with one writer; no other calls may run concurrently.
class File {
 public:
  virtual ~File() = default;

  // Like pwrite: may write fewer bytes than asked, and written bytes may be lost until Sync has returned. If
  // the call fails, any part of the bytes may have been written.
  virtual DiskResult<size_t> Write(uint64_t offset, std::span<const char> bytes) = 0;

  // Like pread, but returns fewer bytes than asked only at the end of the file.
  virtual DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) = 0;

  // On success everything written before this call survives a loss of power. After a failure the written
  // bytes may or may not be on the disk, and the result of another call says nothing about them (fsync(2),
  // "fsyncgate").
  virtual DiskResult<void> Sync() = 0;

  virtual DiskResult<uint64_t> Size() = 0;
};

// The folder of the log. This is the log's only interface to the disk, so that the simulator can replace it
// by one that loses and tears writes and fails. Names are plain, without a slash. Thread-safe.
class Directory {
 public:
  virtual ~Directory() = default;

  // Creates a new, empty file. EEXIST: the name is in use.
  virtual DiskResult<std::unique_ptr<File>> Create(const std::string& name) = 0;
  virtual DiskResult<std::unique_ptr<File>> Open(const std::string& name) = 0;

  // Replaces a file that has the new name. Files that are open stay open and usable.
  virtual DiskResult<void> Rename(const std::string& from, const std::string& to) = 0;
  virtual DiskResult<void> Remove(const std::string& name) = 0;

  // On success all names created, changed and removed before this call survive a loss of power.
  virtual DiskResult<void> Sync() = 0;

  virtual DiskResult<std::vector<std::string>> List() = 0;

  // Checks that `file`, which was created or opened through this object, still has this name, in a folder
  // that is still at its path and locked by this process. ENOENT: another process moved, removed or replaced
  // the file or the folder.
  virtual DiskResult<void> Confirm(const std::string& name, const File& file) = 0;
};

}  // namespace ei::wal
