#include "base/murmur2.h"

#include <gtest/gtest.h>

#include <iterator>
#include <string>

namespace ei::base {
namespace {

// The vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
TEST(Murmur2, AgreesWithTheJavaClient) {
  const struct {
    std::string_view key;
    int32_t hash;
  } cases[] = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107},
  };
  for (const auto& c : cases) EXPECT_EQ(static_cast<int32_t>(Murmur2(c.key)), c.hash) << c.key;
}

// The hashes are from an independent implementation. They would differ if a byte in a word, or in a tail of
// any length, were treated as signed.
TEST(Murmur2, HighBytesCountAsUnsigned) {
  const int32_t hashes[] = {275646681, -311467685, -1642832928, 1548199422, 644171429, -363838622};
  for (size_t size = 0; size < std::size(hashes); ++size) {
    EXPECT_EQ(static_cast<int32_t>(Murmur2(std::string(size, '\xff'))), hashes[size]) << size;
  }
}

TEST(Murmur2, DoesNotDependOnAlignment) {
  const std::string text = "....a-little-bit-long-string";
  for (size_t shift = 0; shift < 4; ++shift) {
    std::string moved = text.substr(4 - shift);
    EXPECT_EQ(static_cast<int32_t>(Murmur2(std::string_view(moved).substr(shift))), -985981536) << shift;
  }
}

}  // namespace
}  // namespace ei::base
