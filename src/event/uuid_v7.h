#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace ei {

// Makes UUIDs of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits, so that ids
// sort by the time they were made. The random bits come from xoshiro256** (Blackman and Vigna), seeded once:
// unique, not unguessable. One generator a thread.
class UuidV7Generator {
 public:
  // `seed` should differ between processes and threads; the same seed gives the same ids.
  explicit UuidV7Generator(uint64_t seed);

  // 36 characters, valid until the next call.
  std::string_view Next(base::WallTime now);

  uint64_t NextRandom();

 private:
  std::array<uint64_t, 4> state_;
  std::array<char, 36> text_;
};

}  // namespace ei
