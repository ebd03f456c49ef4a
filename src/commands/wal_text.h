#pragma once

#include <cstdint>
#include <string>

#include "adapters/wal/log_damage.h"

namespace ei::service {

// How the wal commands write things. Ranges are half-open and in the form that --positions takes.

std::string RangeText(uint64_t from, uint64_t end);  // "1000:2000"

// "bytes 1024:2048, positions 1000:1010: no frame can be read"
std::string DamageText(const wal::LogDamage& damage);

}  // namespace ei::service
