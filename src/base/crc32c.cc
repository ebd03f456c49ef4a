#include "base/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace ei::base {

namespace {

// Slicing-by-8 (Kounavis and Berry, "A Systematic Approach to Building High Performance Software-Based CRC
// Generators", 2005): kTables[n][b] is the effect of byte b on the checksum when n more bytes follow it. So
// eight bytes take eight look-ups that are independent of one another.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  constexpr uint32_t kPolynomial = 0x82f63b78;  // lowest bit first
  Tables tables = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t n = 1; n < tables.size(); ++n) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t crc = tables[n - 1][byte];
      tables[n][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

uint64_t LoadLittleEndian(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
  return word;
}

// The implementations below use a single stream, which takes three cycles for each 8 bytes: 20 to 50 ns for
// an event of 400 bytes. Several parallel streams would not be much faster, because their checksums have to
// be combined.
#if defined(__x86_64__)

bool HasInstruction() { return __builtin_cpu_supports("sse4.2"); }

[[gnu::target("sse4.2")]] uint32_t ByInstruction(std::string_view bytes, uint32_t before) {
  const char* data = bytes.data();
  size_t left = bytes.size();
  uint64_t crc = ~before;
  for (; left >= 8; data += 8, left -= 8) crc = _mm_crc32_u64(crc, LoadLittleEndian(data));
  auto last = static_cast<uint32_t>(crc);
  for (; left > 0; ++data, --left) last = _mm_crc32_u8(last, static_cast<uint8_t>(*data));
  return ~last;
}

#elif defined(__ARM_FEATURE_CRC32)

constexpr bool HasInstruction() { return true; }

uint32_t ByInstruction(std::string_view bytes, uint32_t before) {
  const char* data = bytes.data();
  size_t left = bytes.size();
  uint32_t crc = ~before;
  for (; left >= 8; data += 8, left -= 8) crc = __crc32cd(crc, LoadLittleEndian(data));
  for (; left > 0; ++data, --left) crc = __crc32cb(crc, static_cast<uint8_t>(*data));
  return ~crc;
}

#else

constexpr bool HasInstruction() { return false; }

uint32_t ByInstruction(std::string_view bytes, uint32_t before) { return Crc32cByTables(bytes, before); }

#endif

}  // namespace

uint32_t Crc32c(std::string_view bytes, uint32_t before) {
  return HasInstruction() ? ByInstruction(bytes, before) : Crc32cByTables(bytes, before);
}

uint32_t Crc32cByTables(std::string_view bytes, uint32_t before) {
  const char* data = bytes.data();
  size_t left = bytes.size();
  uint32_t crc = ~before;
  for (; left >= 8; data += 8, left -= 8) {
    const uint64_t word = LoadLittleEndian(data) ^ crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; left > 0; ++data, --left) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint8_t>(*data)) & 0xff];
  }
  return ~crc;
}

}  // namespace ei::base
