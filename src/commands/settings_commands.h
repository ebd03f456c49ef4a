#pragma once

#include <optional>
#include <ostream>

#include "commands/command_line.h"
#include "settings/load.h"

namespace ei::service {

inline constexpr int kExitClean = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitSettings = 2;
inline constexpr int kExitUndelivered = 3;
inline constexpr int kExitStorage = 4;
inline constexpr int kExitStopped = 5;
inline constexpr int kExitMemory = 6;

// Runs the commands that need only the settings (config print, check and docs, version, help) and reports
// usage faults. Returns the exit status, or nullopt for all other commands, which the caller must run.
std::optional<int> RunSettingsCommand(const CommandLine& line, const EnvironmentLookup& environment,
                                      std::ostream& out, std::ostream& errors);

}  // namespace ei::service
