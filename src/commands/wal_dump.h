#pragma once

#include <ostream>

#include "adapters/wal/disk.h"
#include "base/result.h"
#include "commands/command_line.h"

namespace ei::service {

struct WalDumpOptions {
  bool all = false;     // also settled events, and those of segments that were set aside
  bool values = false;  // the events themselves too
  PositionsAsked positions;
};

// Prints one JSON object a line and event, in the order of the log; what can't be read is told on `errors`.
// The status: kExitClean, also when whoever reads `out` has gone away, or kExitStorage when something could
// not be read. Memory: the largest commit of the log.
base::Result<int> DumpWal(wal::Directory& directory, const WalDumpOptions& options, std::ostream& out,
                          std::ostream& errors);

}  // namespace ei::service
