#pragma once

#include <ostream>

#include "adapters/wal/disk.h"
#include "base/result.h"

namespace ei::service {

// Repairs the log and prints what was done; with `dry_run` only prints what would be done. No service may use
// the log meanwhile.
base::Result<int> RepairWal(wal::Directory& directory, bool dry_run, std::ostream& out);

}  // namespace ei::service
