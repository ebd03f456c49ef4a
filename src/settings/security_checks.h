#pragma once

#include <vector>

#include "settings/checks.h"

namespace ei::service {

// The part of FindConflicts about kafka.security.
void FindSecurityConflicts(const KafkaSecuritySettings& security, std::vector<SettingConflict>& conflicts);

}  // namespace ei::service
