#include "main/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "main/settings_report.h"
#include "main/spelling.h"

// No CLI11 here: it stops at the first fault, offers no nearest name and would bring a second declaration and
// a second help layout for each row of the settings table. What is left to parse is words and --key value.

namespace ei::service {
namespace {

struct Command {
  std::string_view words;
  Subcommand subcommand;
  bool takes_settings;
  std::string_view text;
};

constexpr std::array<Command, 7> kCommands{{
    {"serve", Subcommand::kServe, true, "take events until SIGTERM or SIGINT (without a command: the same)"},
    {"config print", Subcommand::kConfigPrint, true,
     "print the effective settings as YAML; --show-origin: and where each comes from"},
    {"config check", Subcommand::kConfigCheck, true, "check the settings: print ok, or all faults"},
    {"config docs", Subcommand::kConfigDocs, false, "print docs/CONFIGURATION.md"},
    {"metrics docs", Subcommand::kMetricsDocs, false, "print docs/METRICS.md"},
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

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  const std::vector<std::string_view> arguments(argv + std::min(argc, 1), argv + argc);
  return ParseCommandLine(arguments);
}

CommandLine ParseCommandLine(std::span<const std::string_view> arguments) {
  CommandLine line;
  std::string words;
  bool help = false;
  bool version = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    if (name == "--help" || name == "-h" || name == "--version" || name == "--show-origin") {
      if (has_value) line.faults.push_back(fmt::format("{} takes no value", name));
      (name == "--show-origin" ? line.show_origin : name == "--version" ? version : help) = true;
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
      words.append(words.empty() ? "" : " ").append(argument);
    }
  }

  if (help || version) {
    // Someone who asks for help gets it, whatever else stands there.
    line.subcommand = help ? Subcommand::kHelp : Subcommand::kVersion;
    line.faults.clear();
    return line;
  }
  const auto* command = std::ranges::find(kCommands, words.empty() ? "serve" : words, &Command::words);
  if (command == kCommands.end()) {
    line.faults.insert(line.faults.begin(), UnknownCommand(words));
    return line;
  }
  line.subcommand = command->subcommand;
  if (line.show_origin && line.subcommand != Subcommand::kConfigPrint) {
    line.faults.push_back("--show-origin belongs to config print");
  }
  if (!command->takes_settings && !line.flags.empty()) {
    line.faults.push_back(fmt::format("{} takes no settings", command->words));
  }
  return line;
}

std::string_view Version() { return EI_VERSION; }

std::string HelpText() {
  std::string text = fmt::format(
      "Event Ingestor {}: takes events over HTTP and delivers them to Kafka or to files.\n\n"
      "Usage: event-ingestor [command] [--config=FILE] [--KEY=VALUE | --KEY VALUE]...\n\nCommands\n",
      Version());
  for (const Command& command : kCommands) text += fmt::format("  {:<14}{}\n", command.words, command.text);
  text +=
      "\nSettings: a flag wins over the environment, the environment over the YAML file (--config or\n"
      "CONFIG), the file over the default. In the file http.port is port below http. Each setting is\n"
      "listed with its flag, its environment name, its default and what is allowed.\n";
  text += SettingsHelp();
  text +=
      "\nExit status: 0 clean, 2 settings or usage, 3 stopped with undelivered events, 4 storage failed,\n"
      "1 anything else.\n";
  return text;
}

}  // namespace ei::service
