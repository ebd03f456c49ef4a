#pragma once

#include <vector>

#include "main/settings_table.h"

namespace ei::service {

// The rows of the settings table about how the brokers and the service know each other.
std::vector<Setting> KafkaSecurityRows();

}  // namespace ei::service
