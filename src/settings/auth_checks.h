#pragma once

#include <vector>

#include "settings/checks.h"
#include "settings/settings.h"

namespace ei::service {

// Adds the conflicts between the settings of the groups auth and http.tls, and of others with them.
void FindAuthConflicts(const Settings& settings, std::vector<SettingConflict>& conflicts);

}  // namespace ei::service
