#pragma once

#include <chrono>
#include <optional>

namespace ei::service {

// What the kernel or a stranger would end the process with, and without a word: a write beyond RLIMIT_FSIZE
// (fails with EFBIG then, and is reported as any other failed write), one to a closed pipe, and the user
// signals, which other programs take for "open the log again".
void IgnoreDeadlySignals();

// SIGTERM, SIGINT and SIGHUP as something to wait for. Made before any other thread, so that all of them
// inherit the blocked signals; one at a time.
class ProcessSignals {
 public:
  ProcessSignals();
  ~ProcessSignals();
  ProcessSignals(const ProcessSignals&) = delete;
  ProcessSignals& operator=(const ProcessSignals&) = delete;

  // The signal's number; nullopt when none came in time, or after Interrupt.
  std::optional<int> Wait(std::chrono::milliseconds timeout);

  // From any thread: ends the Wait under way, or the next one.
  void Interrupt();

 private:
  int signals_;
  int interrupt_;
};

}  // namespace ei::service
