#pragma once

#include <ostream>
#include <string>

#include "base/clock.h"
#include "commands/command_line.h"

namespace ei::service {

// Runs clients add, rotate, revoke, list or check on the clients file `file` and returns the exit status. A
// new key is all that `add` and `rotate` write to `out`; its file is on the disk by then. The caller must
// ignore SIGPIPE, as the reader of `out` may go away.
int RunClientsCommand(const CommandLine& line, const std::string& file, const Clock& clock, std::ostream& out,
                      std::ostream& errors);

}  // namespace ei::service
