#pragma once

#include <ostream>

#include "adapters/wal/disk.h"
#include "base/result.h"
#include "commands/command_line.h"

namespace ei::service {

struct WalDumpOptions {
  bool all = false;     // also settled events, and those of quarantined segments
  bool values = false;  // also the contents of the events
  RequestedPositions positions;
};

// Prints a line with a JSON object for each event, in the order of the log. Damage is reported on `errors`.
// Returns kExitClean, also if the reader of `out` has gone away, or kExitStorage if something could not be
// read. Needs as much memory as the largest commit of the log.
base::Result<int> DumpWal(wal::Directory& directory, const WalDumpOptions& options, std::ostream& out,
                          std::ostream& errors);

}  // namespace ei::service
