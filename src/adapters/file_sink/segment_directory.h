#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_identity.h"
#include "base/result.h"
#include "system/file_calls.h"
#include "system/locked_folder.h"

namespace ei::file_sink {

// A file operation that failed.
struct FileFault {
  std::string_view doing;  // a constant verb for messages, as in "sync"
  std::string file;        // the file's name in the folder
  int error = 0;           // errno
};

struct Segment {
  system::Descriptor file;
  base::FileIdentity identity;
  std::string name;
  uint64_t bytes = 0;
};

// Name and number of a segment in a folder.
struct ListedSegment {
  std::string name;
  uint64_t number = 0;
};

// Returns the segments with this prefix, oldest first. Changes nothing, so another process may write to the
// folder.
base::Result<std::vector<ListedSegment>> ListSegments(const std::string& path, std::string_view prefix);

// The folder with the segments, which are named PREFIX-NUMBER.ndjson with a number of 20 digits, so that the
// names sort in the order of creation. One counter numbers all segments. The last number is kept in the lock
// file, so that no number is used twice, even after all segments have been moved away.
//
// While this object exists, its flock on the lock file keeps other processes out. An operator may move or
// remove anything at any time, including the folder: Hold and IsInPlace detect this. Not thread-safe.
class SegmentDirectory {
 public:
  static constexpr const char* kLockFile = ".lock";

  // Creates the folder and its parents if they are missing, and locks it. `setting` is a constant: the
  // setting that names the folder, for messages. `calls` must outlive the result. kUnavailable: another
  // process has the lock.
  static base::Result<std::unique_ptr<SegmentDirectory>> Open(const std::string& path,
                                                              std::string_view setting,
                                                              system::FileCalls& calls);

  const std::string& Path() const { return path_; }
  std::string_view SettingName() const { return setting_; }
  system::FileCalls& Calls() const { return calls_; }

  // Checks that folder and lock file are still the ones that were opened. If not, creates and locks the
  // folder again and returns true. Costs one system call if nothing has changed.
  base::Result<bool> Hold();

  // Returns whether this file still has its name below Path() and has `bytes` bytes: it and the folder were
  // not moved, removed or replaced, and no other program wrote to it. One system call.
  std::expected<bool, FileFault> IsInPlace(const Segment& segment, uint64_t bytes) const;

  // Creates an empty segment and opens it for appending; its name is synced to the disk.
  std::expected<Segment, FileFault> Create(std::string_view prefix);

  // Opens the newest segment for reading and appending, and sets its size.
  std::expected<Segment, FileFault> OpenNewest(std::string_view prefix);

  // Whether there is a segment with this prefix, so that OpenNewest can open one.
  bool HasSegments(std::string_view prefix) const;

  // Returns the size of all segments with this prefix together.
  uint64_t Bytes(std::string_view prefix) const;

  // Removes the segment if its name still belongs to this file.
  void Remove(const Segment& segment);

 private:
  SegmentDirectory(std::string path, std::string_view setting, system::FileCalls& calls,
                   system::LockedFolder folder)
      : path_(std::move(path)), setting_(setting), calls_(calls), folder_(std::move(folder)) {}

  base::Result<void> FindLastNumber();
  std::optional<uint64_t> Newest(std::string_view prefix) const;
  std::expected<uint64_t, FileFault> NextNumber();
  std::expected<void, FileFault> SaveNumber(uint64_t number);

  std::unexpected<base::Error> Fault(base::ErrorKind kind, std::string_view why) const;

  const std::string path_;
  const std::string_view setting_;
  system::FileCalls& calls_;
  system::LockedFolder folder_;
  uint64_t last_number_ = 0;
};

}  // namespace ei::file_sink
