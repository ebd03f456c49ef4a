#include "commands/settings_commands.h"

#include "settings/clients_file.h"
#include "settings/report.h"
#include "settings/routing_file.h"

namespace ei::service {

std::optional<int> RunSettingsCommand(const CommandLine& line, const EnvironmentLookup& environment,
                                      std::ostream& out, std::ostream& errors) {
  if (!line.faults.empty()) {
    for (const std::string& fault : line.faults) errors << "event-ingestor: " << fault << '\n';
    return kExitSettings;
  }
  switch (line.subcommand) {
    case Subcommand::kServe:
    case Subcommand::kDrain:
    case Subcommand::kHealth:
    case Subcommand::kMetricsDocs:
    case Subcommand::kWalVerify:
    case Subcommand::kWalDump:
    case Subcommand::kWalStats:
    case Subcommand::kWalRepair:
    case Subcommand::kDlqStats:
    case Subcommand::kRedrive:
    case Subcommand::kClientsAdd:
    case Subcommand::kClientsRotate:
    case Subcommand::kClientsRevoke:
    case Subcommand::kClientsList:
    case Subcommand::kClientsCheck: return std::nullopt;
    case Subcommand::kVersion: out << "event-ingestor " << Version() << '\n'; return kExitClean;
    case Subcommand::kHelp: out << HelpText(); return kExitClean;
    case Subcommand::kConfigDocs: out << SettingsDocument(); return kExitClean;
    case Subcommand::kConfigPrint:
    case Subcommand::kConfigCheck: break;
  }
  const auto resolved = ResolveSettings(GatherSources(line.flags, environment));
  if (!resolved) {
    PrintFaults(errors, resolved.error());
    return kExitSettings;
  }
  if (const auto routing = LoadRouting(resolved->settings); !routing) {
    PrintFaults(errors, routing.error());
    return kExitSettings;
  }
  if (const std::string& file = resolved->settings.auth.clients_file; !file.empty()) {
    if (const auto clients = LoadClients(file); !clients) {
      PrintFaults(errors, clients.error());
      return kExitSettings;
    }
  }
  for (const RemovedSettingUse& use : resolved->removed) {
    errors << "event-ingestor: warning: " << ToLine(use) << '\n';
  }
  out << (line.subcommand == Subcommand::kConfigCheck ? "ok\n" : PrintSettings(*resolved, line.show_origin));
  return kExitClean;
}

}  // namespace ei::service
