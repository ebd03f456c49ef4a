#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/clients_options.h"
#include "commands/dead_letter_options.h"
#include "settings/load.h"

namespace ei::service {

enum class Subcommand {
  kServe,
  kDrain,
  kHealth,
  kConfigPrint,
  kConfigCheck,
  kConfigDocs,
  kMetricsDocs,
  kWalVerify,
  kWalDump,
  kWalStats,
  kWalRepair,
  kDlqStats,
  kRedrive,
  kClientsAdd,
  kClientsRotate,
  kClientsRevoke,
  kClientsList,
  kClientsCheck,
  kVersion,
  kHelp
};

// A half-open range of positions of the write-ahead log, as FROM:TO on the command line.
struct RequestedPositions {
  std::uint64_t from = 0;
  std::uint64_t end = std::numeric_limits<std::uint64_t>::max();  // one past the last
};

struct CommandLine {
  Subcommand subcommand = Subcommand::kServe;
  bool live = false;                // health
  bool show_origin = false;         // config print
  bool all = false;                 // wal dump: settled events too
  bool values = false;              // wal dump
  RequestedPositions positions;     // wal dump
  bool json = false;                // wal stats, dlq stats, clients list
  bool dry_run = false;             // wal repair, redrive
  bool no_transactions = false;     // redrive
  bool again = false;               // redrive
  DeadLetterOptions dead_letters;   // dlq stats, redrive
  ClientsOptions clients;           // clients ...
  std::vector<SettingFlag> flags;   // settings; ResolveSettings checks their names and values
  std::vector<std::string> faults;  // of usage; if there are any, print them and exit with kExitSettings
};

bool IsClientsCommand(Subcommand subcommand);

// Without a subcommand it is serve. -h, --help and --version override everything else.
CommandLine ParseCommandLine(int argc, const char* const* argv);
CommandLine ParseCommandLine(std::span<const std::string_view> arguments);  // without the program's name

std::string_view Version();  // "0.1.0"
std::string HelpText();

}  // namespace ei::service
