#pragma once

#include <ostream>

#include "base/clock.h"
#include "commands/command_line.h"
#include "settings/settings.h"

namespace ei::service {

bool IsWalCommand(Subcommand subcommand);

// Runs wal verify, dump, stats or repair on the folder wal.dir and returns the exit status. All but repair
// only read: they may run while a service writes to the log, and don't disturb it. The caller must ignore
// SIGPIPE, as the reader of `out` may go away.
int RunWalCommand(const CommandLine& line, const Settings& settings, const Clock& clock, std::ostream& out,
                  std::ostream& errors);

}  // namespace ei::service
