#pragma once

#include <cstdint>

namespace ei::base {

// Which file it is, under whatever name. No other has it while this one is open.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

}  // namespace ei::base
