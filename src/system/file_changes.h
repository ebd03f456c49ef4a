#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "system/confirmed_change.h"

namespace ei::system {

// Notices that a file has another version, by polling: also if it is replaced by a rename, or is reached by
// symbolic links that are switched, as in a volume of Kubernetes. Reads no contents. Not thread-safe.
class FileChanges {
 public:
  // The current version is not a change.
  explicit FileChanges(std::string path);

  // Returns true once for each change, when two calls in a row have found the same new version. A file that
  // is missing is no change.
  bool Check();

 private:
  struct Version {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t modified = 0;  // nanoseconds, as is `changed`
    int64_t changed = 0;
    bool operator==(const Version&) const = default;
  };
  std::optional<Version> Look() const;

  const std::string path_;
  ConfirmedChange<Version> version_;
};

}  // namespace ei::system
