#pragma once

#include <ostream>

#include "base/clock.h"
#include "commands/command_line.h"
#include "settings/settings.h"

namespace ei::service {

bool IsDeadLetterCommand(Subcommand subcommand);

// Runs dlq stats or redrive; returns the exit status. The progress goes to `errors`, a bar in place when
// `errors_is_terminal`. The first SIGINT or SIGTERM stops it in an orderly way, the second at once.
int RunDeadLetterCommand(const CommandLine& line, const Settings& settings, const Clock& clock,
                         std::ostream& out, std::ostream& errors, bool errors_is_terminal);

}  // namespace ei::service
