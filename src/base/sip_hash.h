#pragma once

#include <cstdint>
#include <string_view>

namespace ei::base {

struct SipKey {
  uint64_t first = 0;
  uint64_t second = 0;
};

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const Hash128&, const Hash128&) = default;
};

// SipHash-2-4 with a result of 128 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012;
// this variant is that of the authors' reference implementation). Who doesn't know the key can neither make
// two texts that collide nor aim them at one place of a table; without that intent, n texts hold a collision
// with a chance of n * n / 2^129.
Hash128 SipHash128(const SipKey& key, std::string_view bytes);

}  // namespace ei::base
