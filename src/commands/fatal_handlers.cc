#include "commands/fatal_handlers.h"

#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#include <poll.h>
#include <unistd.h>

#include "commands/settings_commands.h"

namespace ei::service {

namespace {

[[noreturn]] void EndOutOfMemory() {
  WriteFatal(
      "event-ingestor: out of memory: raise the limit of the process or container, or lower journal.bytes_max "
      "(QUEUE_BYTES_MAX) and http.inflight_bytes_max (HTTP_INFLIGHT_BYTES_MAX)\n");
  _exit(kExitMemory);
}

[[noreturn]] void EndUncaught() {
  WriteFatal("event-ingestor: uncaught exception: ");
  if (const std::exception_ptr fault = std::current_exception()) {
    try {
      std::rethrow_exception(fault);
    } catch (const std::exception& known) {
      WriteFatal(known.what());
    } catch (...) {
      WriteFatal("not a std::exception");
    }
  }
  WriteFatal("\n");
  std::abort();
}

}  // namespace

void WriteFatal(std::string_view text) {
  pollfd room{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void InstallFatalHandlers() {
  std::set_new_handler(EndOutOfMemory);
  std::set_terminate(EndUncaught);
}

}  // namespace ei::service
