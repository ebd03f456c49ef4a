#pragma once

#include <ostream>

#include "adapters/wal/disk.h"
#include "base/result.h"

namespace ei::service {

// Repairs the log, which no service uses, and says what was done; with `dry_run`, what would be done.
base::Result<int> RepairWal(wal::Directory& directory, bool dry_run, std::ostream& out);

}  // namespace ei::service
