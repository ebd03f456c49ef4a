#pragma once

#include <ostream>
#include <string>

#include "adapters/wal/disk.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::service {

// Prints how many events wait in the log, as text or, with `json`, as one JSON object. Reads the segments
// that hold unsettled events, and only the headers of the others.
base::Result<int> PrintWalStats(wal::Directory& directory, const std::string& folder, base::WallTime now,
                                bool json, std::ostream& out);

}  // namespace ei::service
