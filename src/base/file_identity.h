#pragma once

#include <cstdint>

namespace ei::base {

// Identifies a file independently of its name. No other file has the same identity while this file is open.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

}  // namespace ei::base
