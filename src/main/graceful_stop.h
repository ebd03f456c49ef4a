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

// SIGTERM, SIGINT, or none.
std::string_view SignalName(int signal);

// Ends a service while the main thread goes on to hear signals, and answers for the process's end: what hangs
// (a name server, a disk) holds it up for some seconds beyond shutdown.timeout and not longer. Then, as after
// a second signal, the process ends at once, with the status that tells whether events are lost.
class GracefulStop {
 public:
  struct Options {
    base::Duration stop_max;  // for Service::Stop
    bool drain = false;       // what stays in the write-ahead log is undelivered
  };

  // The references outlive this.
  GracefulStop(const Options& options, const Clock& clock, ProcessSignals& signals, telemetry::JsonLog& log,
               telemetry::LogWriter& log_writer)
      : options_(options), clock_(clock), signals_(signals), log_(log), log_writer_(log_writer) {}

  // Stops a service that has started and closes it. Returns the exit status.
  int Run(std::unique_ptr<Service> service);

  // Closes one that could not start, or doesn't come back: then the process ends with `status`.
  void Close(std::unique_ptr<Service> service, int status);

 private:
  class Progress;
  void Await(Progress& progress, Service& service);
  int StatusOf(const Service& service, uint64_t lost) const;
  [[noreturn]] void EndAtOnce(int status);

  const Options options_;
  const Clock& clock_;
  ProcessSignals& signals_;
  telemetry::JsonLog& log_;
  telemetry::LogWriter& log_writer_;
};

}  // namespace ei::service
