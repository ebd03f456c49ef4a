#pragma once

#include <cstdint>
#include <string>

namespace ei::wal {

// A part of the log that differs from what was written. Ranges are half-open; an empty range is unspecified.
struct LogDamage {
  std::string what;  // "the checksum of an event is wrong"
  uint64_t from_byte = 0;
  uint64_t to_byte = 0;
  uint64_t from_position = 0;  // the events that can't be read because of it, settled ones included
  uint64_t to_position = 0;
};

}  // namespace ei::wal
