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

// The flag and the environment variable that name the YAML file. Not in the table, because a file can't name
// itself.
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

// The sources of values. Precedence: flag, then environment, then file, then default. An empty environment
// variable counts as unset.
struct SettingSources {
  std::vector<SettingFlag> flags;
  EnvironmentLookup environment;
  std::optional<SettingsFile> file;
  std::vector<SettingFault> faults;  // faults found while gathering the sources
};

enum class OriginKind { kDefault, kFile, kEnvironment, kFlag };

struct Origin {
  OriginKind kind = OriginKind::kDefault;
  std::string place;  // "event-ingestor.yaml:3", "HTTP_PORT", "--http.port"
};

std::string ToText(const Origin& origin);  // "environment HTTP_PORT"

// A removed setting that a source still gives.
struct RemovedSettingUse {
  const RemovedSetting* setting;
  Origin origin;
};

// "wal.segment_bytes: was removed and has no effect. The size ... (environment WAL_SEGMENT_BYTES)", one line.
std::string ToLine(const RemovedSettingUse& use);

struct ResolvedSettings {
  Settings settings;
  std::vector<Origin> origins;  // one for each row of the table, in its order
  std::vector<RemovedSettingUse> removed;
};

// Finds the settings file (--config, CONFIG) and reads it. A file that can't be read is a fault in the
// result, so that it is reported together with all other faults.
SettingSources GatherSources(std::vector<SettingFlag> flags, EnvironmentLookup environment);

// Reads at most kSettingsFileBytesMax + 1 bytes of the file.
base::Result<std::string> ReadSettingsFile(const std::string& name);

// Reads the environment of this process. No other thread may change the environment at the same time.
EnvironmentLookup ProcessEnvironment();

// Merges the sources and validates every value, also one that another source overrides. Returns all faults in
// the order file, environment, flags, and conflicts between settings last.
std::expected<ResolvedSettings, std::vector<SettingFault>> ResolveSettings(
    const SettingSources& sources, const SettingsTable& table = ServiceSettings());

}  // namespace ei::service
