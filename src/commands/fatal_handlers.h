#pragma once

#include <string_view>

namespace ei::service {

// Installs handlers that end the process with one line on stderr, without waiting for a reader of stderr:
// - A failed allocation exits with kExitMemory, so that no work continues half done. The next start delivers
// the
//   events of the write-ahead log.
// - An uncaught exception, which is a bug, aborts.
void InstallFatalHandlers();

// Writes to stderr. Allocates no memory, takes no lock, and drops the text if the write would block.
void WriteFatal(std::string_view text);

}  // namespace ei::service
