#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/file_sink/file_calls.h"
#include "base/file_identity.h"
#include "base/result.h"

namespace ei::file_sink {

// A file operation that failed.
struct FileFault {
  std::string_view doing;  // a constant, as in "sync"
  std::string file;        // its name in the folder
  int error = 0;           // errno
};

struct Segment {
  Descriptor file;
  base::FileIdentity identity;
  std::string name;
  uint64_t bytes = 0;
};

// A segment in its folder, as a reader sees it.
struct ListedSegment {
  std::string name;
  uint64_t number = 0;
};

// The segments of this prefix, oldest first. Reads only, also beside a process that writes there.
base::Result<std::vector<ListedSegment>> ListSegments(const std::string& path, std::string_view prefix);

// The folder that the segments stand in, named PREFIX-NUMBER.ndjson with a number of 20 digits, so that names
// sort in the order of their making. One counter numbers all segments; the last number is kept in the lock
// file, so that none is given twice, even when all segments have been moved away.
//
// While this object lives, its flock on the lock file keeps other processes out. An operator may move or
// remove anything at any time, the folder too: Hold and Stands find out. Not thread-safe.
class SegmentDirectory {
 public:
  static constexpr const char* kLockFile = ".lock";

  // Makes the folder, with its parents, when it is missing. `setting`: the one that names it, a constant, for
  // messages. `calls` outlives the result.
  static base::Result<std::unique_ptr<SegmentDirectory>> Open(const std::string& path,
                                                              std::string_view setting, FileCalls& calls);

  const std::string& Path() const { return path_; }
  std::string_view SettingName() const { return setting_; }
  FileCalls& Calls() const { return calls_; }

  // Makes sure that folder and lock file are still the ones that were opened; where they are not, makes the
  // folder again and locks it. Returns whether it had to. One system call when all is well.
  base::Result<bool> Hold();

  // Whether this very file still stands under its name below Path(), and has `bytes` bytes: nobody moved,
  // removed or replaced it, or the folder, and nobody else wrote to it. One system call.
  std::expected<bool, FileFault> Stands(const Segment& segment, uint64_t bytes) const;

  // A new segment, empty and open for appending; its name is on the disk.
  std::expected<Segment, FileFault> Create(std::string_view prefix);

  // Opens a segment that is there, for reading and appending; its size is known. errno as in FileFault.
  std::expected<Segment, FileFault> OpenNewest(std::string_view prefix);

  // Whether OpenNewest has something to open.
  bool Holds(std::string_view prefix) const;

  // What the segments of this prefix take together.
  uint64_t Bytes(std::string_view prefix) const;

  // Only if it is still this file that has the name.
  void Remove(const Segment& segment);

 private:
  SegmentDirectory(std::string path, std::string_view setting, FileCalls& calls)
      : path_(std::move(path)), setting_(setting), calls_(calls) {}

  base::Result<void> Prepare();
  base::Result<void> Lock();
  base::Result<void> FindLastNumber();
  std::optional<uint64_t> Newest(std::string_view prefix) const;
  std::expected<uint64_t, FileFault> NextNumber();
  std::expected<void, FileFault> SaveNumber(uint64_t number);

  std::unexpected<base::Error> Refuse(base::ErrorKind kind, std::string_view why) const;

  const std::string path_;
  const std::string_view setting_;
  FileCalls& calls_;
  Descriptor directory_;
  Descriptor lock_;
  base::FileIdentity lock_identity_;
  uint64_t last_number_ = 0;
};

}  // namespace ei::file_sink
