#pragma once

#include <chrono>
#include <optional>

namespace ei::service {

// Ignores signals that would end the process without a message: SIGXFSZ, for a write beyond RLIMIT_FSIZE
// (which then fails with EFBIG and is reported as any other failed write); SIGPIPE, for a write to a closed
// pipe; and SIGUSR1 and SIGUSR2, which other programs use as a request to reopen the log.
void IgnoreDeadlySignals();

// Blocks SIGTERM, SIGINT and SIGHUP and lets one thread wait for them. Must be constructed before any other
// thread starts, so that all threads inherit the blocked signals. At most one object may exist at a time.
class ProcessSignals {
 public:
  ProcessSignals();
  ~ProcessSignals();
  ProcessSignals(const ProcessSignals&) = delete;
  ProcessSignals& operator=(const ProcessSignals&) = delete;

  // Returns the signal's number, or nullopt after the timeout or Interrupt.
  std::optional<int> Wait(std::chrono::milliseconds timeout);

  // Ends the current Wait, or the next one. Any thread.
  void Interrupt();

 private:
  int signals_;
  int interrupt_;
};

}  // namespace ei::service
