#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

#include "support/random.h"

namespace ei::base {
namespace {

std::string Counting(int first, int last) {
  std::string bytes;
  for (int byte = first; byte != last; byte += first < last ? 1 : -1) bytes += static_cast<char>(byte);
  return bytes;
}

// Computes the checksum bit by bit, as the RFC defines it.
uint32_t ByDefinition(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

// RFC 3720, appendix B.4, and the check value of the CRC catalogues.
TEST(Crc32c, AgreesWithTheVectorsOfTheRfc) {
  const std::string read_command(
      "\x01\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0\0\0\x04\0\0\0\0\x14\0\0\0\x18\x28\0\0\0\0\0\0\0"
      "\x02\0\0\0\0\0\0\0",
      48);
  const struct {
    std::string bytes;
    uint32_t crc;
  } cases[] = {
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {Counting(0, 32), 0x46dd794e},
      {Counting(31, -1), 0x113fdb5c},
      {read_command, 0xd9963a56},
      {"123456789", 0xe3069283},
      {"", 0},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Crc32c(c.bytes), c.crc) << c.bytes.size();
    EXPECT_EQ(Crc32cByTables(c.bytes), c.crc) << c.bytes.size();
  }
}

TEST(Crc32c, BothWaysAgreeWithTheDefinitionAtAnyLengthAndAlignment) {
  support::Random random(support::SeedOr(1));
  std::string bytes(600, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  for (int i = 0; i < 20'000; ++i) {
    const size_t begin = random.Below(64);
    const auto part = std::string_view(bytes).substr(begin, random.Below(bytes.size() - begin + 1));
    const uint32_t crc = ByDefinition(part);
    ASSERT_EQ(Crc32c(part), crc) << begin << ' ' << part.size();
    ASSERT_EQ(Crc32cByTables(part), crc) << begin << ' ' << part.size();
  }
}

TEST(Crc32c, ContinuesFromTheChecksumOfThePrecedingBytes) {
  support::Random random(support::SeedOr(2));
  std::string bytes(5'000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  const uint32_t whole = Crc32c(bytes);
  for (int i = 0; i < 1'000; ++i) {
    uint32_t crc = 0;
    for (size_t at = 0; at < bytes.size();) {
      const auto part = std::string_view(bytes).substr(at, random.Between(0, random.OneIn(2) ? 20 : 2'000));
      crc = random.OneIn(2) ? Crc32c(part, crc) : Crc32cByTables(part, crc);
      at += part.size();
    }
    ASSERT_EQ(crc, whole);
  }
}

TEST(Crc32c, OneChangedBitIsDetected) {
  std::string bytes(400, 'x');
  const uint32_t crc = Crc32c(bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto flip = static_cast<char>(1U << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    ASSERT_NE(Crc32c(bytes), crc) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
  }
}

}  // namespace
}  // namespace ei::base
