#include "settings/edit_distance.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::service {
namespace {

TEST(SpellingDistance, CountsSingleSlips) {
  EXPECT_EQ(SpellingDistance("", ""), 0u);
  EXPECT_EQ(SpellingDistance("", "port"), 4u);
  EXPECT_EQ(SpellingDistance("port", ""), 4u);
  EXPECT_EQ(SpellingDistance("port", "port"), 0u);
  EXPECT_EQ(SpellingDistance("prt", "port"), 1u);
  EXPECT_EQ(SpellingDistance("porrt", "port"), 1u);
  EXPECT_EQ(SpellingDistance("part", "port"), 1u);
  EXPECT_EQ(SpellingDistance("prot", "port"), 1u);
  EXPECT_EQ(SpellingDistance("kitten", "sitting"), 3u);
}

TEST(SpellingDistance, CaseAndDashesDoNotCount) {
  EXPECT_EQ(SpellingDistance("HTTP.Idle-Timeout", "http.idle_timeout"), 0u);
}

TEST(SpellingDistance, LongestNamesAreCompared) {
  EXPECT_EQ(SpellingDistance(std::string(kSpellingBytesMax, 'a'), std::string(kSpellingBytesMax, 'b')),
            kSpellingBytesMax);
}

TEST(LikelySlip, GrowsWithTheLengthOfTheName) {
  EXPECT_TRUE(IsLikelySlip(1, 2));
  EXPECT_FALSE(IsLikelySlip(2, 4));
  EXPECT_TRUE(IsLikelySlip(4, 12));
  EXPECT_FALSE(IsLikelySlip(5, 12));
}

}  // namespace
}  // namespace ei::service
