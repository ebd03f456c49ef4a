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

// Returns SipHash-2-4 with a result of 128 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
// 2012; the 128-bit variant is that of the authors' reference implementation). An attacker who doesn't know
// the key can neither construct two texts that collide nor choose texts for one bucket of a hash table. The
// probability of an accidental collision among n texts is n * n / 2^129.
Hash128 SipHash128(const SipKey& key, std::string_view bytes);

}  // namespace ei::base
