#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "adapters/json/event_decoder.h"
#include "adapters/telemetry/json_log.h"
#include "adapters/telemetry/log_writer.h"
#include "adapters/telemetry/metrics.h"
#include "adapters/telemetry/metrics_document.h"
#include "adapters/tokens/https_client.h"
#include "commands/clients_commands.h"
#include "commands/command_line.h"
#include "commands/dead_letter_commands.h"
#include "commands/fatal_handlers.h"
#include "commands/health_command.h"
#include "commands/process_signals.h"
#include "commands/settings_commands.h"
#include "commands/wal_commands.h"
#include "main/graceful_stop.h"
#include "main/leftover_log.h"
#include "main/service.h"
#include "settings/file_limit.h"
#include "settings/load.h"
#include "system/system_clock.h"

namespace ei::service {

namespace {

constexpr auto kHousekeeping = std::chrono::seconds(1);
constexpr auto kStopSlack = std::chrono::seconds(8);  // for steps of the stop outside shutdown.timeout
constexpr auto kHealthTimeout = std::chrono::seconds(3);

int ExitStatusOf(base::ErrorKind kind) {
  switch (kind) {
    case base::ErrorKind::kInvalid: return kExitSettings;
    case base::ErrorKind::kStorage: return kExitStorage;
    case base::ErrorKind::kUnavailable: return kExitFailure;
  }
  return kExitFailure;
}

// If the file has a fault, the current routes stay in force.
void ReloadRouting(const Settings& settings, Service& service, Log& log) {
  if (!settings.routing.routes_file) {
    return log.Write(LogLevel::kInfo, "routing", "no routes file is set, so there is nothing to reload", {});
  }
  const auto routing = LoadRouting(settings);
  if (routing) {
    service.Reroute(*routing);
    return log.Write(
        LogLevel::kInfo, "routing", "the routes were reloaded",
        {{"file", std::string_view(*settings.routing.routes_file)}, {"routes", uint64_t{routing->rules}}});
  }
  for (const SettingFault& fault : routing.error()) {
    log.Write(LogLevel::kError, "routing", "the routes file has a fault; the current routes stay in force",
              {{"error", ToLine(fault)}});
  }
}

// Settings of `drain`: as for serve, but the port is not reachable from outside and the stop begins at once.
Settings ForDraining(Settings settings) {
  settings.http.address = "127.0.0.1";
  settings.http.port = 0;
  settings.http.admin_port.reset();
  settings.shutdown.delay = {};
  settings.ingest.ack = AckLevel::kWal;  // so that the journal is the log to be drained
  return settings;
}

// Lowers http.connections_max to what the limit of open files allows.
base::Result<void> FitFileLimit(Settings& settings, Log& log) {
  const auto budget = BudgetFiles(settings, RaiseFileLimit());
  if (!budget) return std::unexpected(budget.error());
  if (budget->connections_max == settings.http.connections_max) return {};
  log.Write(
      LogLevel::kError, "service",
      "the limit of open files is too low for http.connections_max, so fewer connections are served; raise "
      "its hard limit (ulimit -Hn, LimitNOFILE, ulimits of the container) or lower http.connections_max",
      {{"limit", budget->limit},
       {"wanted", budget->wanted},
       {"connections_max", uint64_t{settings.http.connections_max}},
       {"connections_served", uint64_t{budget->connections_max}}});
  settings.http.connections_max = budget->connections_max;
  return {};
}

void WarnOfRemoved(const std::vector<RemovedSettingUse>& removed, Log& log) {
  std::string lines;
  for (const RemovedSettingUse& use : removed) {
    if (!lines.empty()) lines += "; ";
    lines += ToLine(use);
  }
  if (lines.empty()) return;
  log.Write(LogLevel::kWarn, "settings", "settings are given that no longer exist",
            {{"code", "setting_removed"}, {"settings", std::string_view(lines)}});
}

int Serve(const ResolvedSettings& resolved, const Routing& routing, bool drain = false) {
  Settings settings = drain ? ForDraining(resolved.settings) : resolved.settings;

  ProcessSignals signals;
  const system::SystemClock clock;
  telemetry::LogWriter log_writer(STDOUT_FILENO, clock);
  telemetry::JsonLog log(clock, settings.log_level,
                         [&log_writer](std::string_view line) { log_writer.Put(line); });
  telemetry::Metrics metrics(clock, {std::string(Version()), __VERSION__, json::ScannerName()});
  metrics.AddCounter(telemetry::MetricId::kLogLinesSuppressed, [&log] { return log.SuppressedLines(); });
  metrics.AddCounter(telemetry::MetricId::kLogLinesDropped, [&log_writer] { return log_writer.Dropped(); });

  WarnOfRemoved(resolved.removed, log);
  const auto fits = FitFileLimit(settings, log);
  if (!fits) {
    log.Write(LogLevel::kError, "service", "can't start", {{"error", fits.error().message}});
    return ExitStatusOf(fits.error().kind);
  }
  const ShutdownSettings& shutdown = settings.shutdown;
  GracefulStop stop({.stop_max = shutdown.delay + shutdown.timeout + kStopSlack, .drain = drain}, clock,
                    signals, log, log_writer);
  auto service = std::make_unique<Service>(settings, routing, clock, log, metrics);
  if (const auto started = service->Start([&signals] { signals.Interrupt(); }); !started) {
    log.Write(LogLevel::kError, "service", "can't start", {{"error", started.error().message}});
    const int status = ExitStatusOf(started.error().kind);
    stop.Close(std::move(service), status);
    return status;
  }
  std::optional<int> signal;
  while (!drain && !signal && !service->StorageFailed()) {
    signal = signals.Wait(kHousekeeping);
    log.WriteDueSummaries();
    if (signal != SIGHUP) continue;
    ReloadRouting(settings, *service, log);
    signal.reset();
  }
  log.Write(LogLevel::kInfo, "service", "stopping",
            {{"cause", signal  ? SignalName(*signal)
                       : drain ? "drain"
                               : "the storage failed"}});
  const int status = stop.Run(std::move(service));
  log.Write(LogLevel::kInfo, "service", "stopped", {{"exit_status", int64_t{status}}});
  return status;
}

// Opens /dev/null for each standard stream that the caller has closed. Otherwise the next file to be opened,
// perhaps a segment of the log, would get its number, and printed text would be written into that file.
void OpenMissingStandardStreams() {
  int held = 0;
  while (held >= 0 && held <= STDERR_FILENO) held = ::open("/dev/null", O_RDWR);
  if (held > STDERR_FILENO) ::close(held);
}

int Main(int argc, const char* const* argv) {
  InstallFatalHandlers();
  OpenMissingStandardStreams();
  IgnoreDeadlySignals();
  const CommandLine line = ParseCommandLine(argc, argv);
  const EnvironmentLookup environment = ProcessEnvironment();
  if (const auto status = RunSettingsCommand(line, environment, std::cout, std::cerr)) return *status;
  if (line.subcommand == Subcommand::kMetricsDocs) {
    std::cout << telemetry::MetricsDocument();
    return kExitClean;
  }
  const auto resolved = ResolveSettings(GatherSources(line.flags, environment));
  if (!resolved) {
    PrintFaults(std::cerr, resolved.error());
    return kExitSettings;
  }
  const Settings& settings = resolved->settings;
  if (line.subcommand == Subcommand::kHealth) {
    tokens::HttpsClient http(
        {.ca_file = {}, .timeout = kHealthTimeout, .reply_bytes_max = 4096, .verify = false});
    return RunHealthCommand(settings, line.live, http, std::cout, std::cerr);
  }
  if (IsWalCommand(line.subcommand)) {
    return RunWalCommand(line, settings, system::SystemClock(), std::cout, std::cerr);
  }
  if (IsClientsCommand(line.subcommand)) {
    const std::string& file = line.clients.file.empty() ? settings.auth.clients_file : line.clients.file;
    return RunClientsCommand(line, file, system::SystemClock(), std::cout, std::cerr);
  }
  if (IsDeadLetterCommand(line.subcommand)) {
    return RunDeadLetterCommand(line, settings, system::SystemClock(), std::cout, std::cerr,
                                ::isatty(STDERR_FILENO) != 0);
  }
  const auto routing = LoadRouting(settings);
  if (!routing) {
    PrintFaults(std::cerr, routing.error());
    return kExitSettings;
  }
  if (line.subcommand == Subcommand::kDrain) {
    if (!JournalIsWal(settings)) {
      // The log may hold events that were accepted with another ack level.
      const auto left = EventsLeftInLog(settings.wal_dir);
      if (!left) {
        std::cerr << "event-ingestor: " << left.error().message << '\n';
        return ExitStatusOf(left.error().kind);
      }
      if (*left == 0) {
        std::cerr
            << "event-ingestor: drain needs a write-ahead log: wal.dir (WAL_DIR) holds no undelivered event, "
               "and neither ingest.ack (ACK) nor ingest.ack_min (ACK_MIN) is wal\n";
        return kExitSettings;
      }
    }
    return Serve(*resolved, *routing, true);
  }
  return Serve(*resolved, *routing);
}

}  // namespace

}  // namespace ei::service

int main(int argc, char** argv) { return ei::service::Main(argc, argv); }
