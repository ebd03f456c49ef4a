#pragma once

#include <string>
#include <string_view>

#include "settings/load.h"
#include "settings/table.h"

namespace ei::service {

inline constexpr std::string_view kSecretMask = "********";

// Returns the effective settings as a YAML file that loads to the same values, except for secrets, which are
// masked. With `show_origin`, a comment gives the source of each value.
std::string PrintSettings(const ResolvedSettings& resolved, bool show_origin,
                          const SettingsTable& table = ServiceSettings());

// Returns all settings by group for `--help`, wrapped at 100 columns.
std::string SettingsHelp(const SettingsTable& table = ServiceSettings());

// Returns the text of docs/CONFIGURATION.md.
std::string SettingsDocument(const SettingsTable& table = ServiceSettings());

}  // namespace ei::service
