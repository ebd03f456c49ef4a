#pragma once

#include <vector>

#include "settings/table.h"

namespace ei::service {

// The rows of the settings table about how the brokers and the service know each other.
std::vector<Setting> KafkaSecurityRows();

}  // namespace ei::service
