#pragma once

#include <cstdint>
#include <string>

#include "adapters/wal/log_damage.h"
#include "base/time.h"

namespace ei::service {

// How the wal commands write things. Ranges are half-open and in the form that --positions takes.

std::string RangeText(uint64_t from, uint64_t end);            // "1000:2000"
std::string CountText(uint64_t count, std::string_view what);  // "1 event", "2 events"
std::string BytesText(uint64_t bytes);                         // "512 B", "1.5 MiB"
std::string AgeText(base::Duration age);                       // "350ms", "12s", "3h 5m"
std::string TimeText(int64_t wall_nanos);                      // RFC 3339; what no log writes becomes 1970

// "bytes 1024:2048, positions 1000:1010: no frame can be read"
std::string DamageText(const wal::LogDamage& damage);

}  // namespace ei::service
