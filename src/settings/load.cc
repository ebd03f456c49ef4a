#include "settings/load.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

#include "settings/checks.h"
#include "settings/report.h"
#include "settings/yaml.h"

namespace ei::service {
namespace {

// Applies the values of all sources to the settings, and collects their faults.
class Merge {
 public:
  explicit Merge(const SettingsTable& table) : table_(table) {
    resolved_.settings = DefaultSettings(table);
    resolved_.origins.resize(table.rows().size());
  }

  void Apply(const Setting& row, const std::string& text, Origin origin) {
    if (row.secret && text == kSecretMask) {
      AddFault(row, origin,
               fmt::format("{} is the placeholder of a secret in printed settings; write the secret itself",
                           Quoted(text)));
      return;
    }
    if (const base::Result<void> assigned = row.assign(text, resolved_.settings); !assigned) {
      const std::string shown = row.secret ? std::string("the value (not shown)") : Quoted(text);
      // Kubernetes sets NAME_PORT to the address of every Service called NAME.
      const bool service_link = origin.kind == OriginKind::kEnvironment && text.starts_with("tcp://");
      AddFault(row, origin,
               fmt::format("{} {}; allowed: {}{}", shown, assigned.error().message, row.allowed,
                           service_link ? "; Kubernetes sets such a value for a Service of that name: set "
                                          "enableServiceLinks: false in the pod, or the flag instead"
                                        : ""));
      return;
    }
    resolved_.origins[static_cast<std::size_t>(&row - table_.rows().data())] = std::move(origin);
  }

  void AddRemoved(const RemovedSetting& setting, Origin origin) {
    resolved_.removed.push_back({&setting, std::move(origin)});
  }

  void AddFault(SettingFault fault) {
    faulty_.insert(fault.key);
    faults_.push_back(std::move(fault));
  }

  // Reports conflicts only between valid settings: a setting with an invalid value has the value of another
  // source here, which was not meant.
  void CheckTogether() {
    for (const SettingConflict& conflict : FindConflicts(resolved_.settings)) {
      if (faulty_.contains(std::string(conflict.key)) || faulty_.contains(std::string(conflict.other)))
        continue;
      const std::string origin = fmt::format("{}: {}; {}: {}", conflict.key, OriginOf(conflict.key),
                                             conflict.other, OriginOf(conflict.other));
      faults_.push_back({std::string(conflict.key), origin, conflict.message});
    }
  }

  std::expected<ResolvedSettings, std::vector<SettingFault>> Finish() {
    if (!faults_.empty()) return std::unexpected(std::move(faults_));
    return std::move(resolved_);
  }

 private:
  void AddFault(const Setting& row, const Origin& origin, std::string message) {
    AddFault({std::string(row.key), ToText(origin), std::move(message)});
  }

  std::string OriginOf(std::string_view key) const {
    const Setting* row = table_.Find(key);
    if (row == nullptr) return ToText(Origin{});
    return ToText(resolved_.origins[static_cast<std::size_t>(row - table_.rows().data())]);
  }

  const SettingsTable& table_;
  ResolvedSettings resolved_;
  std::vector<SettingFault> faults_;
  std::set<std::string> faulty_;
};

void MergeFile(const SettingsFile& file, const SettingsTable& table, Merge& merge) {
  FileContent content = ReadSettingsYaml(file.name, file.text, table);
  for (SettingFault& fault : content.faults) merge.AddFault(std::move(fault));
  const auto origin = [&file](int line) {
    return Origin{OriginKind::kFile, fmt::format("{}:{}", PrintableLong(file.name), line)};
  };
  for (const FileValue& value : content.values) {
    merge.Apply(*table.Find(value.key), value.text, origin(value.line));
  }
  for (const RemovedKey& removed : content.removed) merge.AddRemoved(*removed.setting, origin(removed.line));
}

void MergeEnvironment(const EnvironmentLookup& environment, const SettingsTable& table, Merge& merge) {
  for (const Setting& row : table.rows()) {
    const std::optional<std::string> text = environment(row.env);
    if (text && !text->empty()) merge.Apply(row, *text, {OriginKind::kEnvironment, std::string(row.env)});
  }
  for (const RemovedSetting& setting : table.Removed()) {
    const std::optional<std::string> text = environment(setting.env);
    if (text && !text->empty()) {
      merge.AddRemoved(setting, {OriginKind::kEnvironment, std::string(setting.env)});
    }
  }
}

void MergeFlags(const std::vector<SettingFlag>& flags, const SettingsTable& table, Merge& merge) {
  std::set<std::string_view> seen;
  for (const SettingFlag& flag : flags) {
    const std::string shown = "flag --" + Printable(flag.key);
    const Setting* row = table.Find(flag.key);
    const RemovedSetting* removed = table.FindRemoved(flag.key);
    if (row == nullptr && removed == nullptr && flag.key != kConfigKey) {
      const std::string_view nearest = table.NearestKey(flag.key);
      merge.AddFault({Printable(flag.key), shown,
                      nearest.empty() ? "is not a setting; `event-ingestor help` lists all"
                                      : fmt::format("is not a setting; did you mean --{}?", nearest)});
    } else if (!seen.insert(flag.key).second) {
      merge.AddFault({flag.key, shown, "is given twice; give each flag once"});
    } else if (row != nullptr) {
      merge.Apply(*row, flag.value, {OriginKind::kFlag, "--" + flag.key});
    } else if (removed != nullptr) {
      merge.AddRemoved(*removed, {OriginKind::kFlag, "--" + flag.key});
    }
  }
}

}  // namespace

std::string ToText(const Origin& origin) {
  switch (origin.kind) {
    case OriginKind::kDefault: return "default";
    case OriginKind::kFile: return "file " + origin.place;
    case OriginKind::kEnvironment: return "environment " + origin.place;
    case OriginKind::kFlag: return "flag " + origin.place;
  }
  return {};
}

std::string ToLine(const RemovedSettingUse& use) {
  return fmt::format("{}: was removed and has no effect. {} ({})", use.setting->key, use.setting->instead,
                     ToText(use.origin));
}

SettingSources GatherSources(std::vector<SettingFlag> flags, EnvironmentLookup environment) {
  SettingSources sources{
      .flags = std::move(flags), .environment = std::move(environment), .file = {}, .faults = {}};
  std::string name = sources.environment(kConfigEnv).value_or("");
  std::string origin = "environment " + std::string(kConfigEnv);
  for (const SettingFlag& flag : sources.flags) {
    if (flag.key != kConfigKey) continue;
    name = flag.value;
    origin = "flag --" + flag.key;
    if (name.empty()) sources.faults.push_back({flag.key, origin, "needs the name of a settings file"});
    break;
  }
  if (name.empty()) return sources;
  base::Result<std::string> text = ReadSettingsFile(name);
  if (text) {
    sources.file = SettingsFile{std::move(name), std::move(*text)};
  } else {
    sources.faults.push_back({std::string(kConfigKey), origin, Quoted(name) + " " + text.error().message});
  }
  return sources;
}

base::Result<std::string> ReadSettingsFile(const std::string& name) {
  std::error_code ignored;
  if (std::filesystem::is_directory(name, ignored)) {
    return base::Fail(base::ErrorKind::kStorage, "is a folder, not a settings file");
  }
  errno = 0;
  std::ifstream stream(name, std::ios::binary);
  std::string text(kSettingsFileBytesMax + 1, '\0');
  if (stream) stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad()) {
    const int code = errno == 0 ? EIO : errno;
    return base::Fail(base::ErrorKind::kStorage, "can't be read: " + std::generic_category().message(code));
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

EnvironmentLookup ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value =
        std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe): see the header
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

std::expected<ResolvedSettings, std::vector<SettingFault>> ResolveSettings(const SettingSources& sources,
                                                                           const SettingsTable& table) {
  Merge merge(table);
  for (const SettingFault& fault : sources.faults) merge.AddFault(fault);
  if (sources.file) MergeFile(*sources.file, table, merge);
  MergeEnvironment(sources.environment, table, merge);
  MergeFlags(sources.flags, table, merge);
  merge.CheckTogether();
  return merge.Finish();
}

}  // namespace ei::service
