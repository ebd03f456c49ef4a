#include "delivery/retry_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "support/random.h"

namespace ei {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

TEST(RetryPolicy, DelayNeverExceedsTheDoubledBackoffNorTheCap) {
  const uint64_t seed = support::SeedOr(2);
  SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed);
  support::Random random(seed);
  const RetryPolicy policy(milliseconds(100), seconds(10), 3);
  for (uint32_t failures = 1; failures <= 70; ++failures) {
    const base::Duration ceiling =
        failures <= 7 ? milliseconds(100) * (1 << (failures - 1)) : base::Duration(seconds(10));
    base::Duration longest{0};
    for (int i = 0; i < 2'000; ++i) {
      const base::Duration delay = policy.Delay(failures, random.Next());
      ASSERT_GE(delay.count(), 0);
      ASSERT_LE(delay, ceiling) << failures;
      longest = std::max(longest, delay);
    }
    EXPECT_GT(longest, ceiling * 9 / 10) << failures;
  }
}

TEST(RetryPolicy, ManyFailuresDontOverflow) {
  for (const auto backoff :
       {base::Duration(1), base::Duration(milliseconds(1)), base::Duration(hours(24 * 365))}) {
    for (const auto cap : {base::Duration(milliseconds(1)), base::Duration(hours(24 * 365 * 100))}) {
      const RetryPolicy policy(backoff, cap, 0);
      for (const uint32_t failures :
           {0U, 1U, 31U, 32U, 33U, 63U, 64U, 65U, std::numeric_limits<uint32_t>::max()}) {
        for (const uint64_t random : {uint64_t{0}, kMost / 2, kMost}) {
          const base::Duration delay = policy.Delay(failures, random);
          EXPECT_GE(delay.count(), 0);
          EXPECT_LE(delay, cap);
        }
      }
    }
  }
}

TEST(RetryPolicy, BackoffAboveTheCapIsTheCap) {
  const RetryPolicy policy(seconds(60), seconds(1), 3);
  support::Random random(support::SeedOr(3));
  for (int i = 0; i < 1'000; ++i) ASSERT_LE(policy.Delay(1, random.Next()), seconds(1));
}

TEST(RetryPolicy, BackoffOfZeroNeverWaits) {
  const RetryPolicy policy(seconds(0), seconds(10), 3);
  for (const uint32_t failures : {1U, 5U, 1000U}) EXPECT_EQ(policy.Delay(failures, kMost).count(), 0);
}

TEST(RetryPolicy, SmallestAndLargestDelayAreReached) {
  const RetryPolicy policy(base::Duration(3), base::Duration(100), 0);
  std::array<bool, 4> seen{};
  support::Random random(support::SeedOr(4));
  for (int i = 0; i < 1'000; ++i) seen[static_cast<size_t>(policy.Delay(1, random.Next()).count())] = true;
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](bool reached) { return reached; }));
}

TEST(RetryPolicy, JitterIsUniform) {
  const uint64_t seed = support::SeedOr(5);
  SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed);
  support::Random random(seed);
  const RetryPolicy policy(milliseconds(100), seconds(10), 3);
  constexpr size_t kBuckets = 64;
  constexpr int kDraws = 64'000;
  std::array<int, kBuckets> counts{};
  const double ceiling = static_cast<double>(base::Duration(milliseconds(400)).count()) + 1;
  for (int i = 0; i < kDraws; ++i) {
    const auto delay = static_cast<double>(policy.Delay(3, random.Next()).count());
    ++counts[static_cast<size_t>(delay / ceiling * kBuckets)];
  }
  constexpr double kExpected = static_cast<double>(kDraws) / kBuckets;
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  EXPECT_LT(chi_square, 117);  // 63 degrees of freedom: p = 0.00004
}

TEST(RetryPolicy, MayRetryUpToTheLimit) {
  const RetryPolicy three(milliseconds(1), seconds(1), 3);
  EXPECT_TRUE(three.MayRetry(1));
  EXPECT_TRUE(three.MayRetry(3));
  EXPECT_FALSE(three.MayRetry(4));
  const RetryPolicy none(milliseconds(1), seconds(1), 0);
  EXPECT_FALSE(none.MayRetry(1));
}

}  // namespace
}  // namespace ei
