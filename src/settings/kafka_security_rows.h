#pragma once

#include <vector>

#include "settings/table.h"

namespace ei::service {

// The rows of the settings table for kafka.security: encryption, login and tokens.
std::vector<Setting> KafkaSecurityRows();

}  // namespace ei::service
