#pragma once

#include <ostream>
#include <string>

#include "adapters/wal/disk.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::service {

// Reads all of the log and prints a row a segment, what is damaged, and a summary. The status: kExitClean, or
// kExitStorage when something is damaged that a repair has not set aside yet.
base::Result<int> VerifyWal(wal::Directory& directory, const std::string& folder, base::WallTime now,
                            std::ostream& out);

}  // namespace ei::service
