#pragma once

#include <cstdint>

namespace ei::wal {

// The disk work of a log. Each role may be run by one thread at a time.
enum class Role : uint8_t { kCommit, kReadBack, kHousekeep };

// The result of one step of a role's work.
enum class Work : uint8_t {
  kIdle,   // there is nothing to do until the role is woken
  kDone,   // something was done; there may be more to do
  kLater,  // retry after a pause
};

}  // namespace ei::wal
