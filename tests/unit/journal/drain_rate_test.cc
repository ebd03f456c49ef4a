#include "journal/drain_rate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace ei {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const base::SteadyTime kStart(std::chrono::hours(3));

TEST(DrainRate, NothingSettledIsNoRateAndTheLongestWait) {
  DrainRate rate;
  EXPECT_EQ(rate.PerSecond(kStart), 0);
  EXPECT_EQ(rate.RetryAfter(1'000, kStart), seconds(30));
  EXPECT_EQ(rate.RetryAfter(0, kStart), seconds(30));
}

TEST(DrainRate, StandstillIsSeenAfterTwoSeconds) {
  DrainRate rate;
  rate.Settled(1'000, kStart);
  EXPECT_GT(rate.PerSecond(kStart + milliseconds(1'999)), 0);
  EXPECT_EQ(rate.PerSecond(kStart + seconds(2)), 0);
  EXPECT_EQ(rate.RetryAfter(10, kStart + seconds(2)), seconds(30));
}

TEST(DrainRate, SteadyDrainIsMeasuredAtEveryMoment) {
  DrainRate rate;
  for (int i = 0; i < 5'000; ++i) {
    const auto now = kStart + milliseconds(i);
    rate.Settled(7, now);
    if (i > 2'000) {
      EXPECT_NEAR(rate.PerSecond(now), 7'000, 50) << i;
    }
  }
}

TEST(DrainRate, GapsAreNotCountedAsTheLastWindow) {
  DrainRate rate;
  rate.Settled(1'000'000, kStart);
  rate.Settled(10, kStart + seconds(5));
  EXPECT_LE(rate.PerSecond(kStart + seconds(5)), 10);
}

TEST(DrainRate, FallsSteadilyOnceTheDrainStops) {
  DrainRate rate;
  for (int i = 0; i < 1'000; ++i) rate.Settled(10, kStart + milliseconds(i));
  for (int i = 1'000; i < 2'000; i += 100) {
    // The number of settled events, divided by the time since their window began.
    EXPECT_NEAR(rate.PerSecond(kStart + milliseconds(i)), 10'000.0 * 1'000 / i, 20) << i;
  }
}

TEST(DrainRate, RetryAfterIsWhenHalfTheBacklogIsGone) {
  DrainRate rate;
  for (int i = 0; i < 2'000; ++i) rate.Settled(10, kStart + milliseconds(i));
  const auto now = kStart + milliseconds(1'999);  // about 10,000 a second
  EXPECT_EQ(rate.RetryAfter(0, now), seconds(1));
  EXPECT_EQ(rate.RetryAfter(100, now), seconds(1));
  EXPECT_EQ(rate.RetryAfter(99'000, now), seconds(5));
  EXPECT_EQ(rate.RetryAfter(10'000'000, now), seconds(30));
}

TEST(DrainRate, LessThanOneEventASecondIsARateToo) {
  DrainRate rate;
  rate.Settled(1, kStart);
  const auto now = kStart + milliseconds(1'500);
  EXPECT_LT(rate.PerSecond(now), 1);
  EXPECT_EQ(rate.RetryAfter(2, now), seconds(2));
}

TEST(DrainRate, ThreadsMayCountTogether) {
  DrainRate rate;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&rate] {
      for (int i = 0; i < 10'000; ++i) {
        rate.Settled(1, kStart + milliseconds(i / 10));
        rate.PerSecond(kStart + milliseconds(i / 10));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GT(rate.PerSecond(kStart + seconds(1)), 0);
  EXPECT_LE(rate.PerSecond(kStart + seconds(1)), 30'000);
}

}  // namespace
}  // namespace ei
