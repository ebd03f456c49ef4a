#pragma once

#include <ostream>
#include <string>

#include "adapters/wal/disk.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::service {

// Prints how much waits in the log, for people or as one JSON object. Reads the segments that hold unsettled
// events, and of the others only the headers.
base::Result<int> PrintWalStats(wal::Directory& directory, const std::string& folder, base::WallTime now,
                                bool json, std::ostream& out);

}  // namespace ei::service
