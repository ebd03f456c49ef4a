#pragma once

#include <ostream>

#include "base/clock.h"
#include "commands/command_line.h"
#include "settings/settings.h"

namespace ei::service {

bool IsWalCommand(Subcommand subcommand);

// Runs wal verify, dump, stats or repair on the folder wal.dir; returns the exit status. All but repair only
// read, also beside a service that writes there, and without disturbing it. Whoever reads `out` may go away:
// the caller ignores SIGPIPE.
int RunWalCommand(const CommandLine& line, const Settings& settings, const Clock& clock, std::ostream& out,
                  std::ostream& errors);

}  // namespace ei::service
