#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "settings/load.h"

namespace ei::service {

inline EnvironmentLookup Environment(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

struct Given {
  std::vector<SettingFlag> flags = {};
  std::map<std::string, std::string, std::less<>> environment = {};
  std::optional<std::string> yaml = std::nullopt;
};

// Sources that touch neither the process's environment nor its files; the YAML is called x.yaml.
inline SettingSources SourcesOf(Given given) {
  SettingSources sources;
  sources.flags = std::move(given.flags);
  sources.environment = Environment(std::move(given.environment));
  if (given.yaml) sources.file = SettingsFile{"x.yaml", std::move(*given.yaml)};
  return sources;
}

inline std::vector<std::string> LinesOf(const std::vector<SettingFault>& faults) {
  std::vector<std::string> lines;
  for (const SettingFault& fault : faults) lines.push_back(ToLine(fault));
  return lines;
}

// The settings without their origins.
inline std::expected<Settings, std::vector<SettingFault>> LoadSettings(const SettingSources& sources) {
  auto resolved = ResolveSettings(sources);
  if (!resolved) return std::unexpected(std::move(resolved.error()));
  return std::move(resolved->settings);
}

// The fault lines; empty when the settings load.
inline std::vector<std::string> FaultLines(Given given) {
  const auto settings = LoadSettings(SourcesOf(std::move(given)));
  return settings ? std::vector<std::string>{} : LinesOf(settings.error());
}

}  // namespace ei::service
