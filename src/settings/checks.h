#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "settings/settings.h"

namespace ei::service {

// Two settings that are each in range but contradict each other. `message` names both with their values.
struct SettingConflict {
  std::string_view key;
  std::string_view other;
  std::string message;
};

std::vector<SettingConflict> FindConflicts(const Settings& settings);

}  // namespace ei::service
