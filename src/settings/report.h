#pragma once

#include <string>
#include <string_view>

#include "settings/load.h"
#include "settings/table.h"

namespace ei::service {

inline constexpr std::string_view kSecretMask = "********";

// The effective settings as a YAML file that loads to the same values (but for secrets, which are masked);
// with `show_origin`, each with where it comes from as a comment.
std::string PrintSettings(const ResolvedSettings& resolved, bool show_origin,
                          const SettingsTable& table = ServiceSettings());

// All settings by group for `--help`, wrapped at 100 columns.
std::string SettingsHelp(const SettingsTable& table = ServiceSettings());

// docs/CONFIGURATION.md.
std::string SettingsDocument(const SettingsTable& table = ServiceSettings());

}  // namespace ei::service
