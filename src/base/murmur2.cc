#include "base/murmur2.h"

#include <bit>
#include <cstring>

namespace ei::base {

namespace {

constexpr uint32_t kSeed = 0x9747b28c;
constexpr uint32_t kMultiplier = 0x5bd1e995;
constexpr int kShift = 24;

uint32_t LoadLittleEndian(const char* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap32(word);
  return word;
}

}  // namespace

uint32_t Murmur2(std::string_view key) {
  const char* data = key.data();
  size_t left = key.size();
  uint32_t hash = kSeed ^ static_cast<uint32_t>(left);
  for (; left >= 4; data += 4, left -= 4) {
    uint32_t word = LoadLittleEndian(data) * kMultiplier;
    word ^= word >> kShift;
    hash = (hash * kMultiplier) ^ (word * kMultiplier);
  }
  if (left > 0) {
    for (size_t i = 0; i < left; ++i) hash ^= uint32_t{static_cast<uint8_t>(data[i])} << (8 * i);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

}  // namespace ei::base
