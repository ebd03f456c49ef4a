#pragma once

#include <cstdint>
#include <string>

#include "adapters/wal/log_damage.h"

namespace ei::service {

// Text formats of the wal commands. Ranges are half-open, in the form that --positions accepts.

std::string RangeText(uint64_t from, uint64_t end);  // "1000:2000"

// "bytes 1024:2048, positions 1000:1010: no frame can be read"
std::string DamageText(const wal::LogDamage& damage);

}  // namespace ei::service
