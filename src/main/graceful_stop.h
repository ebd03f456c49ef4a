#pragma once

#include <memory>
#include <string_view>

#include "adapters/telemetry/json_log.h"
#include "adapters/telemetry/log_writer.h"
#include "base/clock.h"
#include "base/time.h"
#include "commands/process_signals.h"
#include "main/service.h"

namespace ei::service {

// "SIGTERM", "SIGINT", or "none" for any other number.
std::string_view SignalName(int signal);

// Stops and destroys a service on a thread of its own, while the calling thread waits for signals. If
// something hangs (a name server, a disk) beyond the deadline, or a second signal arrives, the process exits
// at once with the status that says whether events are lost.
class GracefulStop {
 public:
  struct Options {
    base::Duration stop_max;  // time that Service::Stop may take
    bool drain = false;       // events left in the write-ahead log make the status kExitUndelivered
  };

  // The references must outlive this object.
  GracefulStop(const Options& options, const Clock& clock, ProcessSignals& signals, telemetry::JsonLog& log,
               telemetry::LogWriter& log_writer)
      : options_(options), clock_(clock), signals_(signals), log_(log), log_writer_(log_writer) {}

  // Stops a service that has started, and destroys it. Returns the exit status.
  int Run(std::unique_ptr<Service> service);

  // Destroys a service that could not start. If that hangs, the process exits with `status` and this doesn't
  // return.
  void Close(std::unique_ptr<Service> service, int status);

 private:
  class Progress;
  void Await(Progress& progress, Service& service);
  int StatusOf(const Service& service, uint64_t lost) const;
  [[noreturn]] void ExitNow(int status);

  const Options options_;
  const Clock& clock_;
  ProcessSignals& signals_;
  telemetry::JsonLog& log_;
  telemetry::LogWriter& log_writer_;
};

}  // namespace ei::service
