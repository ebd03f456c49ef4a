#pragma once

#include <vector>

#include "settings/table.h"

namespace ei::service {

// The rows of the group auth.
std::vector<Setting> AuthRows();

}  // namespace ei::service
