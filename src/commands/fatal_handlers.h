#pragma once

#include <string_view>

namespace ei::service {

// What ends the process by itself says so in one line on stderr, which it doesn't wait for:
// - Memory that can't be had ends it with kExitMemory. Nothing goes on with half of its work done; the next
//   start delivers what the write-ahead log holds.
// - An exception that nobody catches, a fault of ours, aborts it.
void InstallFatalHandlers();

// Writes to stderr. Allocates nothing, locks nothing, and waits for no reader.
void WriteFatal(std::string_view text);

}  // namespace ei::service
