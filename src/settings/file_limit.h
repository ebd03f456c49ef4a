#pragma once

#include <cstdint>

#include "base/result.h"
#include "settings/settings.h"

namespace ei::service {

// What the limit of open files (RLIMIT_NOFILE) has room for. What the log, the sink and the loops need comes
// first: a client that is turned away can come again, a log without a descriptor fails all of them.
struct FileBudget {
  std::uint64_t limit = 0;
  std::uint64_t wanted = 0;           // for all of http.connections_max
  std::uint32_t connections_max = 0;  // http.connections_max, or as many as there is room for
};

// kInvalid: hardly a connection would be left.
base::Result<FileBudget> BudgetFiles(const Settings& settings, std::uint64_t limit);

// Connections over `connections_max` that are still answered, with 503.
std::uint32_t RefusedConnectionsMax(std::uint32_t connections_max);

// Raises the soft limit of open files to the hard one, as the usual one is for programs that use select().
// Returns it.
std::uint64_t RaiseFileLimit();

}  // namespace ei::service
