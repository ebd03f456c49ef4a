#pragma once

#include <ostream>

#include "base/clock.h"
#include "commands/command_line.h"
#include "settings/settings.h"

namespace ei::service {

bool IsDeadLetterCommand(Subcommand subcommand);

// Runs dlq stats or redrive and returns the exit status. Progress is written to `errors`: as a bar that is
// redrawn in place if `errors_is_terminal`, else as lines. The first SIGINT or SIGTERM stops it in an orderly
// way, the second at once.
int RunDeadLetterCommand(const CommandLine& line, const Settings& settings, const Clock& clock,
                         std::ostream& out, std::ostream& errors, bool errors_is_terminal);

}  // namespace ei::service
