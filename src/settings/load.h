#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settings/settings.h"
#include "settings/settings_fault.h"
#include "settings/table.h"

namespace ei::service {

// The flag, and the environment name, that name the YAML file. Not in the table: a file can't name itself.
inline constexpr std::string_view kConfigKey = "config";
inline constexpr std::string_view kConfigEnv = "CONFIG";

struct SettingFlag {
  std::string key;  // without the dashes
  std::string value;
};

struct SettingsFile {
  std::string name;
  std::string text;
};

using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view name)>;

// Where values come from. Precedence: flag, then environment, then file, then default. An empty environment
// value is the same as none.
struct SettingSources {
  std::vector<SettingFlag> flags;
  EnvironmentLookup environment;
  std::optional<SettingsFile> file;
  std::vector<SettingFault> faults;  // found while the sources were gathered
};

enum class OriginKind { kDefault, kFile, kEnvironment, kFlag };

struct Origin {
  OriginKind kind = OriginKind::kDefault;
  std::string place;  // "event-ingestor.yaml:3", "HTTP_PORT", "--http.port"
};

std::string ToText(const Origin& origin);  // "environment HTTP_PORT"

struct ResolvedSettings {
  Settings settings;
  std::vector<Origin> origins;  // one for each row of the table, in its order
};

// Looks for the settings file (--config, CONFIG) and reads it. A file that can't be read is a fault in the
// result, so that it is reported together with all others.
SettingSources GatherSources(std::vector<SettingFlag> flags, EnvironmentLookup environment);

// At most kSettingsFileBytesMax + 1 bytes of it.
base::Result<std::string> ReadSettingsFile(const std::string& name);

// The process's own environment. Not while another thread changes it.
EnvironmentLookup ProcessEnvironment();

// Merges and checks. Every value of every source is checked, also one that another source overrides. On
// faults: all of them, in the order file, environment, flags, then those between settings.
std::expected<ResolvedSettings, std::vector<SettingFault>> ResolveSettings(
    const SettingSources& sources, const SettingsTable& table = ServiceSettings());

// The same, for who needs no origins.
std::expected<Settings, std::vector<SettingFault>> LoadSettings(const SettingSources& sources);

}  // namespace ei::service
