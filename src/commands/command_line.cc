#include "commands/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "settings/edit_distance.h"
#include "settings/report.h"

// CLI11 is not used here: it stops at the first fault, suggests no nearest name, and would need a second
// declaration and a second help layout for each row of the settings table. Only words and --key value remain
// to be parsed.

namespace ei::service {
namespace {

// What the last word of a command is, if it is not a part of its name.
enum class LastWord { kNone, kFolder, kClient };

struct Command {
  std::string_view words;
  Subcommand subcommand;
  bool takes_settings;
  std::string_view text;
  LastWord last_word = LastWord::kNone;  // a folder may be left out
};

constexpr std::array<Command, 20> kCommands{{
    {"serve", Subcommand::kServe, true,
     "accept events until SIGTERM or SIGINT (the default without a command)"},
    {"health", Subcommand::kHealth, true,
     "ask the service with these settings whether it is ready: exits with 0 if it is,\n"
     "else 1; --live: only whether it answers"},
    {"drain", Subcommand::kDrain, true,
     "deliver the events of the write-ahead log, accept none, and exit: with 0 when the\n"
     "log is empty, 3 when shutdown.timeout was too short"},
    {"config print", Subcommand::kConfigPrint, true,
     "print the effective settings as YAML; --show-origin: and the source of each"},
    {"config check", Subcommand::kConfigCheck, true, "check the settings: print ok, or all faults"},
    {"config docs", Subcommand::kConfigDocs, false, "print docs/CONFIGURATION.md"},
    {"metrics docs", Subcommand::kMetricsDocs, false, "print docs/METRICS.md"},
    {"wal verify", Subcommand::kWalVerify, true,
     "[FOLDER] read and check the whole write-ahead log: exits with 0 if sound, 4 if\ndamaged",
     LastWord::kFolder},
    {"wal dump", Subcommand::kWalDump, true,
     "[FOLDER] print its unsettled events, one JSON object a line; --all: settled events\n"
     "too; --positions FROM:TO: from FROM to below TO; --values: with their contents",
     LastWord::kFolder},
    {"wal stats", Subcommand::kWalStats, true,
     "[FOLDER] print how many events wait in it; --json: for machines", LastWord::kFolder},
    {"wal repair", Subcommand::kWalRepair, true,
     "[FOLDER] move the readable events of damaged files to the log's end and quarantine\n"
     "the files; stop the service first; --dry-run: only print the steps",
     LastWord::kFolder},
    {"dlq stats", Subcommand::kDlqStats, true,
     "count the dead letters by code and topic; --json: for machines;\n"
     "filters: as for redrive"},
    {"redrive", Subcommand::kRedrive, true,
     "send dead letters back to the topics that rejected them; continues where it\n"
     "stopped.\n"
     "Source: --from=topic|file|file:FOLDER. Filters: --code, --topic, --type,\n"
     "--id (repeat a flag for more values), --since, --until (a time, or an age\n"
     "such as 2h), --max-redrives=3.\n"
     "Options: --dry-run: only count; --rate=N dead letters a second; --job=NAME;\n"
     "--again: also those that were sent back before; --no-transactions: for\n"
     "clusters without transactions"},
    {"clients add", Subcommand::kClientsAdd, true,
     "NAME add a client to the clients file, and print its new key, which is shown once.\n"
     "--file=PATH: the file; --expires: when the key expires, a time or as 90d",
     LastWord::kClient},
    {"clients rotate", Subcommand::kClientsRotate, true,
     "NAME give a client a new key, and print it; --grace=24h: for how long its other\n"
     "keys stay valid; --file, --expires: as for clients add",
     LastWord::kClient},
    {"clients revoke", Subcommand::kClientsRevoke, true,
     "NAME|KEY-ID remove a client, or one of its keys; --file: as for clients add", LastWord::kClient},
    {"clients list", Subcommand::kClientsList, true,
     "print the clients and their keys, without hashes; --json: for machines; --file"},
    {"clients check", Subcommand::kClientsCheck, true,
     "check the clients file: print ok, or all faults; --file"},
    {"version", Subcommand::kVersion, false, "print the version (also --version)"},
    {"help", Subcommand::kHelp, false, "print this text (also --help, -h)"},
}};

std::string_view NearestCommand(std::string_view words) {
  if (words.size() > kSpellingBytesMax) return {};
  const auto distance = [words](const Command& command) { return SpellingDistance(words, command.words); };
  const auto* nearest = std::ranges::min_element(kCommands, {}, distance);
  return IsLikelySlip(distance(*nearest), words.size()) ? nearest->words : std::string_view{};
}

std::string UnknownCommand(std::string_view words) {
  const std::string_view nearest = NearestCommand(words);
  if (!nearest.empty()) return fmt::format("{} is not a command; did you mean {}?", Quoted(words), nearest);
  return fmt::format("{} is not a command; `event-ingestor help` lists all", Quoted(words));
}

struct Switch {
  std::string_view name;
  bool CommandLine::* given;
  std::array<std::optional<Subcommand>, 3> owners;

  bool BelongsTo(Subcommand subcommand) const {
    return std::ranges::find(owners, std::optional(subcommand)) != owners.end();
  }
};

constexpr std::array<Switch, 8> kSwitches{{
    {"--live", &CommandLine::live, {Subcommand::kHealth}},
    {"--show-origin", &CommandLine::show_origin, {Subcommand::kConfigPrint}},
    {"--all", &CommandLine::all, {Subcommand::kWalDump}},
    {"--values", &CommandLine::values, {Subcommand::kWalDump}},
    {"--json", &CommandLine::json, {Subcommand::kWalStats, Subcommand::kDlqStats, Subcommand::kClientsList}},
    {"--dry-run", &CommandLine::dry_run, {Subcommand::kWalRepair, Subcommand::kRedrive}},
    {"--again", &CommandLine::again, {Subcommand::kRedrive}},
    {"--no-transactions", &CommandLine::no_transactions, {Subcommand::kRedrive}},
}};

// "wal stats, dlq stats and clients list"
std::string OwnersOf(const Switch& one) {
  std::string list;
  std::string_view last;
  for (const std::optional<Subcommand>& owner : one.owners) {
    if (!owner) break;
    if (!last.empty()) list.append(list.empty() ? "" : ", ").append(last);
    last = std::ranges::find(kCommands, *owner, &Command::subcommand)->words;
  }
  list.append(list.empty() ? "" : " and ").append(last);
  return list;
}

constexpr std::string_view kPositionsKey = "positions";

// Also reads the word after the command, if it takes one: a folder sets wal.dir. Returns null, and adds a
// fault, if there is no such command.
const Command* FindCommand(std::span<const std::string_view> words, CommandLine& line) {
  const auto joined = [](std::span<const std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text.append(text.empty() ? "" : " ").append(part);
    return text;
  };
  const std::string all = joined(words);
  const auto* command = std::ranges::find(kCommands, all.empty() ? "serve" : all, &Command::words);
  if (command != kCommands.end()) {
    if (command->last_word == LastWord::kClient) {
      line.faults.push_back(fmt::format("{} needs the name of a client", command->words));
    }
    return command;
  }
  if (!words.empty()) {
    command = std::ranges::find(kCommands, joined(words.first(words.size() - 1)), &Command::words);
    if (command != kCommands.end() && command->last_word == LastWord::kFolder) {
      line.flags.push_back({"wal.dir", std::string(words.back())});
      return command;
    }
    if (command != kCommands.end() && command->last_word == LastWord::kClient) {
      line.clients.client = words.back();
      return command;
    }
  }
  line.faults.insert(line.faults.begin(), UnknownCommand(all));
  return nullptr;
}

std::optional<std::uint64_t> ReadPosition(std::string_view text, std::uint64_t if_empty) {
  if (text.empty()) return if_empty;
  std::uint64_t position = 0;
  const auto [stopped, fault] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (fault != std::errc() || stopped != text.data() + text.size()) return std::nullopt;
  return position;
}

// Moves --positions from the flags, which are settings, to `line.positions`.
void ReadPositions(CommandLine& line) {
  const auto flag = std::ranges::find(line.flags, kPositionsKey, &SettingFlag::key);
  if (flag == line.flags.end()) return;
  const std::string_view text = flag->value;
  const std::size_t colon = text.find(':');
  const auto from = ReadPosition(text.substr(0, colon), line.positions.from);
  const auto end = colon == std::string_view::npos ? std::nullopt
                                                   : ReadPosition(text.substr(colon + 1), line.positions.end);
  if (from && end && *from < *end) {
    line.positions = {*from, *end};
  } else {
    line.faults.push_back(fmt::format(
        "--positions {} is not a range FROM:TO, as 1000:2000; either may be left out", Quoted(text)));
  }
  line.flags.erase(flag);
}

}  // namespace

bool IsClientsCommand(Subcommand subcommand) {
  return subcommand == Subcommand::kClientsAdd || subcommand == Subcommand::kClientsRotate ||
         subcommand == Subcommand::kClientsRevoke || subcommand == Subcommand::kClientsList ||
         subcommand == Subcommand::kClientsCheck;
}

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  const std::vector<std::string_view> arguments(argv + std::min(argc, 1), argv + argc);
  return ParseCommandLine(arguments);
}

CommandLine ParseCommandLine(std::span<const std::string_view> arguments) {
  CommandLine line;
  std::vector<std::string_view> words;
  bool help = false;
  bool version = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    const auto* const known = std::ranges::find(kSwitches, name, &Switch::name);
    if (name == "--help" || name == "-h" || name == "--version" || known != kSwitches.end()) {
      if (has_value) line.faults.push_back(fmt::format("{} takes no value", name));
      (known != kSwitches.end() ? line.*known->given : name == "--version" ? version : help) = true;
    } else if (name.starts_with("--") && name.size() > 2) {
      const std::string key(name.substr(2));
      if (has_value) {
        line.flags.push_back({key, std::string(argument.substr(equals + 1))});
      } else if (i + 1 < arguments.size() && !arguments[i + 1].starts_with("--")) {
        line.flags.push_back({key, std::string(arguments[++i])});
      } else {
        line.faults.push_back(
            fmt::format("--{} needs a value, as --{}=VALUE", Printable(key), Printable(key)));
      }
    } else if (argument.starts_with('-')) {
      line.faults.push_back(fmt::format("{} is not a flag; flags are --KEY=VALUE", Quoted(argument)));
    } else {
      words.push_back(argument);
    }
  }

  if (help || version) {
    // Help is given even if the rest of the command line is wrong.
    line.subcommand = help ? Subcommand::kHelp : Subcommand::kVersion;
    line.faults.clear();
    return line;
  }
  const Command* const command = FindCommand(words, line);
  if (command == nullptr) return line;
  line.subcommand = command->subcommand;
  for (const Switch& one : kSwitches) {
    if (!(line.*one.given) || one.BelongsTo(line.subcommand)) continue;
    line.faults.push_back(fmt::format("{} belongs to {}", one.name, OwnersOf(one)));
  }
  if (line.subcommand == Subcommand::kWalDump) ReadPositions(line);
  if (line.subcommand == Subcommand::kDlqStats || line.subcommand == Subcommand::kRedrive) {
    line.dead_letters =
        ExtractDeadLetterOptions(line.flags, line.subcommand == Subcommand::kRedrive, line.faults);
  }
  if (IsClientsCommand(line.subcommand)) {
    std::string client = std::move(line.clients.client);
    line.clients = ExtractClientsOptions(line.flags, line.subcommand == Subcommand::kClientsAdd,
                                         line.subcommand == Subcommand::kClientsRotate, line.faults);
    line.clients.client = std::move(client);
  }
  if (!command->takes_settings && !line.flags.empty()) {
    line.faults.push_back(fmt::format("{} takes no settings", command->words));
  }
  return line;
}

std::string_view Version() { return EI_VERSION; }

std::string HelpText() {
  std::string text = fmt::format(
      "Event Ingestor {}: accepts events over HTTP and delivers them to Kafka or to files.\n\n"
      "Usage: event-ingestor [command] [--config=FILE] [--KEY=VALUE | --KEY VALUE]...\n\nCommands\n",
      Version());
  constexpr std::size_t kColumn = 16;
  for (const Command& command : kCommands) {
    text += fmt::format("  {:<{}}", command.words, kColumn);
    for (const char c : command.text) {
      text += c;
      if (c == '\n') text.append(kColumn + 2, ' ');
    }
    text += '\n';
  }
  text +=
      "\nSettings: a flag overrides the environment, the environment overrides the YAML file (--config or\n"
      "CONFIG), and the file overrides the default. In the file http.port is port below http. Each setting\n"
      "is listed with its flag, its environment name, its default and its allowed values.\n";
  text += SettingsHelp();
  text +=
      "\nExit status: 0 clean, 2 settings or usage, 3 stopped with undelivered events, 4 storage failed,\n"
      "5 a command was stopped before its end, 1 anything else.\n";
  return text;
}

}  // namespace ei::service
