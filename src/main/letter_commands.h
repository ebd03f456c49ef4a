#pragma once

#include <ostream>

#include "app/ports/clock.h"
#include "main/command_line.h"
#include "main/settings.h"

namespace ei::service {

bool IsLetterCommand(Subcommand subcommand);

// Runs dlq stats or redrive; returns the exit status. The progress goes to `errors`, a bar in place when
// `errors_is_terminal`. The first SIGINT or SIGTERM stops it in an orderly way, the second at once.
int RunLetterCommand(const CommandLine& line, const Settings& settings, const app::Clock& clock,
                     std::ostream& out, std::ostream& errors, bool errors_is_terminal);

}  // namespace ei::service
