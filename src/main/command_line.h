#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "main/settings_load.h"

namespace ei::service {

enum class Subcommand { kServe, kConfigPrint, kConfigCheck, kConfigDocs, kMetricsDocs, kVersion, kHelp };

struct CommandLine {
  Subcommand subcommand = Subcommand::kServe;
  bool show_origin = false;         // config print
  std::vector<SettingFlag> flags;   // unchecked: ResolveSettings knows the names and values
  std::vector<std::string> faults;  // usage; when there are any, print them and end with kExitSettings
};

// No subcommand is serve. -h, --help and --version win over all else.
CommandLine ParseCommandLine(int argc, const char* const* argv);
CommandLine ParseCommandLine(std::span<const std::string_view> arguments);  // without the program's name

std::string_view Version();  // "0.1.0"
std::string HelpText();

}  // namespace ei::service
