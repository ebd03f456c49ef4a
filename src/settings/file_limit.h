#pragma once

#include <cstdint>

#include "base/result.h"
#include "settings/settings.h"

namespace ei::service {

// How the limit of open files (RLIMIT_NOFILE) is divided. The log, the sink and the loops come first: a
// client whose connection is rejected can retry, but a log without a descriptor fails the requests of all
// clients.
struct FileBudget {
  std::uint64_t limit = 0;
  std::uint64_t wanted = 0;           // the limit that http.connections_max needs
  std::uint64_t connections_max = 0;  // http.connections_max, or less if the limit is too low for it
};

// kInvalid: the limit leaves too few descriptors for connections (fewer than 8).
base::Result<FileBudget> BudgetFiles(const Settings& settings, std::uint64_t limit);

// Returns the number of connections beyond `connections_max` that are still answered, with 503.
std::uint64_t RefusedConnectionsMax(std::uint64_t connections_max);

// Raises the soft limit of open files to the hard limit and returns it. The usual soft limit is low only for
// programs that use select().
std::uint64_t RaiseFileLimit();

}  // namespace ei::service
