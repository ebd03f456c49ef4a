#pragma once

#include <cstdint>
#include <string>

namespace ei::wal {

// Something that is not as it was written. Ranges are half-open; an empty one says nothing.
struct LogDamage {
  std::string what;  // "the checksum of an event is wrong"
  uint64_t from_byte = 0;
  uint64_t to_byte = 0;
  uint64_t from_position = 0;  // events that can't be read for it, also settled ones
  uint64_t to_position = 0;
};

}  // namespace ei::wal
