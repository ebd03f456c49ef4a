#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "settings/settings_fault.h"
#include "settings/table.h"

namespace ei::service {

inline constexpr std::size_t kSettingsFileBytesMax = 1024 * 1024;
// Reading stops after this many faults; a file with so many is not a settings file.
inline constexpr std::size_t kFileFaultsMax = 50;

// A value as written in the file, not yet parsed by its setting. A YAML null is empty text.
struct FileValue {
  std::string key;
  std::string text;
  int line = 0;
};

// The key of a removed setting; its value is not read.
struct RemovedKey {
  const RemovedSetting* setting;
  int line = 0;
};

struct FileContent {
  std::vector<FileValue> values;  // known keys only, each at most once
  std::vector<RemovedKey> removed;
  std::vector<SettingFault> faults;
};

// Reads the YAML settings file `text`; `name` is for messages. The value of a setting is a scalar below its
// groups
// ("http: {port: 80}") or at its dotted key ("http.port: 80"). Other features of YAML (aliases, anchors,
// merges, tags, lists, several documents) are rejected: no setting needs them, and with them a small file can
// expand without bound. The file is read as a stream of events and is never built as a tree in memory.
FileContent ReadSettingsYaml(std::string_view name, std::string_view text, const SettingsTable& table);

}  // namespace ei::service
