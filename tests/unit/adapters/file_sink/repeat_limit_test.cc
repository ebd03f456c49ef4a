#include "adapters/file_sink/repeat_limit.h"

#include <gtest/gtest.h>

namespace ei::file_sink {
namespace {

using std::chrono::seconds;

TEST(RepeatLimit, FirstIsLoggedAtOnceAndTheRestOnceAMinuteWithTheirCount) {
  RepeatLimit limit;
  base::SteadyTime now;
  EXPECT_EQ(limit.Count(now), 1U);
  for (int second = 1; second < 60; ++second) EXPECT_EQ(limit.Count(now + seconds(second)), std::nullopt);
  EXPECT_EQ(limit.Count(now + seconds(60)), 60U);
  EXPECT_EQ(limit.Count(now + seconds(61)), std::nullopt);
  EXPECT_EQ(limit.Count(now + seconds(1000)), 2U);
}

}  // namespace
}  // namespace ei::file_sink
