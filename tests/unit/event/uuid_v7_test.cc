#include "event/uuid_v7.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "support/random.h"

namespace ei {
namespace {

const base::WallTime kNow(std::chrono::milliseconds(1'750'000'000'123));

std::pair<uint64_t, uint64_t> Parse(std::string_view text) {
  std::string hex(text);
  hex.erase(std::remove(hex.begin(), hex.end(), '-'), hex.end());
  return {std::stoull(hex.substr(0, 16), nullptr, 16), std::stoull(hex.substr(16), nullptr, 16)};
}

TEST(UuidV7, HasFormatVersionAndVariant) {
  UuidV7Generator generator(support::SeedOr(6));
  for (int i = 0; i < 10'000; ++i) {
    const std::string_view id = generator.Next(kNow);
    ASSERT_EQ(id.size(), 36U);
    for (size_t at = 0; at < id.size(); ++at) {
      const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      ASSERT_TRUE(dash ? id[at] == '-' : (id[at] >= '0' && id[at] <= '9') || (id[at] >= 'a' && id[at] <= 'f'))
          << id;
    }
    ASSERT_EQ(id[14], '7');
    ASSERT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos) << id;
  }
}

TEST(UuidV7, ContainsTheMillisecondOfItsCreation) {
  UuidV7Generator generator(support::SeedOr(7));
  EXPECT_EQ(Parse(generator.Next(kNow)).first >> 16, 1'750'000'000'123U);
  EXPECT_EQ(Parse(generator.Next(kNow + std::chrono::microseconds(999))).first >> 16, 1'750'000'000'123U);
  EXPECT_EQ(Parse(generator.Next(base::WallTime())).first >> 16, 0U);
}

TEST(UuidV7, SortsByTheMillisecondOfItsCreation) {
  UuidV7Generator generator(support::SeedOr(8));
  std::string last(generator.Next(kNow));
  for (int i = 1; i < 10'000; ++i) {
    std::string next(generator.Next(kNow + std::chrono::milliseconds(i)));
    ASSERT_LT(last, next);
    last = std::move(next);
  }
}

TEST(UuidV7, AMillionOfOneMillisecondAreDistinctAndAllTheirRandomBitsVary) {
  const uint64_t seed = support::SeedOr(9);
  SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed);
  UuidV7Generator generator(seed);
  std::vector<std::pair<uint64_t, uint64_t>> ids;
  constexpr int kIds = 1'000'000;
  ids.reserve(kIds);
  std::array<int, 74> ones{};
  for (int i = 0; i < kIds; ++i) {
    // Parsed here without the strings of Parse(): a million of them would take most of the test's time.
    const std::string_view text = generator.Next(kNow);
    std::array<uint64_t, 2> words{};
    size_t digits = 0;
    for (const char c : text) {
      if (c == '-') continue;
      uint64_t& word = words[digits++ / 16];
      word = word << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    ids.emplace_back(words[0], words[1]);
    for (size_t bit = 0; bit < 12; ++bit) ones[bit] += static_cast<int>(words[0] >> bit & 1);
    for (size_t bit = 0; bit < 62; ++bit) ones[12 + bit] += static_cast<int>(words[1] >> bit & 1);
  }
  for (const int count : ones) EXPECT_NEAR(count, kIds / 2, 3'000);  // six standard deviations
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(UuidV7, NeighbouringSeedsShareNoIds) {
  const uint64_t seed = support::SeedOr(10);
  std::vector<std::string> ids;
  for (uint64_t i = 0; i < 64; ++i) {
    UuidV7Generator generator(seed + i);
    for (int j = 0; j < 256; ++j) ids.emplace_back(generator.Next(kNow));
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(UuidV7, SameSeedGivesTheSameIds) {
  UuidV7Generator a(42);
  UuidV7Generator b(42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.Next(kNow), b.Next(kNow));
}

// The numbers are from an independent implementation of xoshiro256** whose state was filled by SplitMix64
// from 0.
TEST(UuidV7, RandomNumbersAreThoseOfXoshiro) {
  UuidV7Generator generator(0);
  EXPECT_EQ(generator.NextRandom(), 0x99ec5f36cb75f2b4U);
  EXPECT_EQ(generator.NextRandom(), 0xbf6e1f784956452aU);
  EXPECT_EQ(generator.NextRandom(), 0x1a5f849d4933e6e0U);
}

}  // namespace
}  // namespace ei
