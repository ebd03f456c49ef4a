#pragma once

#include <vector>

#include "settings/checks.h"

namespace ei::service {

// Adds the conflicts within kafka.security.
void FindSecurityConflicts(const Settings& settings, std::vector<SettingConflict>& conflicts);

}  // namespace ei::service
