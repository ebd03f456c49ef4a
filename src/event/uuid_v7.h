#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace ei {

inline constexpr size_t kUuidBytes = 36;  // as text

// Generates UUIDs of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits, so that
// ids sort by creation time. The random bits come from xoshiro256** (Blackman and Vigna), which is seeded
// once: the ids are unique but predictable. Not thread-safe: each thread has its own generator.
class UuidV7Generator {
 public:
  // `seed` should differ between processes and threads; the same seed gives the same ids.
  explicit UuidV7Generator(uint64_t seed);

  // Returns an id of kUuidBytes characters that is valid until the next call.
  std::string_view Next(base::WallTime now);

  uint64_t NextRandom();

 private:
  std::array<uint64_t, 4> state_;
  std::array<char, kUuidBytes> text_;
};

}  // namespace ei
