#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace ei::service {

// Format amounts for the output of the commands.

std::string NumberText(uint64_t number);                       // "1,234,567"
std::string CountText(uint64_t count, std::string_view what);  // "1 event", "2 events"
std::string BytesText(uint64_t bytes);                         // "512 B", "1.5 MiB"
std::string AgeText(base::Duration age);                       // "350ms", "12s", "3h 5m"
std::string TimeText(int64_t wall_nanos);                      // RFC 3339; before 1970 becomes 1970

}  // namespace ei::service
