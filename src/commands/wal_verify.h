#pragma once

#include <ostream>
#include <string>

#include "adapters/wal/disk.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::service {

// Reads the whole log and prints a row for each segment, the damage, and a summary. Returns kExitClean, or
// kExitStorage if there is damage that no repair has quarantined yet.
base::Result<int> VerifyWal(wal::Directory& directory, const std::string& folder, base::WallTime now,
                            std::ostream& out);

}  // namespace ei::service
