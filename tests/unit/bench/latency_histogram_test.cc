#include "bench/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace ei::bench {
namespace {

using namespace std::chrono_literals;

TEST(LatencyHistogram, EmptyHasZeroPercentiles) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.Percentile(0.5), 0ns);
  EXPECT_EQ(histogram.Percentile(1), 0ns);
  EXPECT_EQ(histogram.Max(), 0ns);
}

TEST(LatencyHistogram, NegativeDurationCountsAsZero) {
  LatencyHistogram histogram;
  histogram.Record(-5ns);
  EXPECT_EQ(histogram.Count(), 1U);
  EXPECT_EQ(histogram.Percentile(1), 0ns);
}

TEST(LatencyHistogram, SingleValueIsEveryPercentile) {
  LatencyHistogram histogram;
  histogram.Record(123'457ns);
  EXPECT_EQ(histogram.Percentile(0.01), 123'457ns);
  EXPECT_EQ(histogram.Percentile(0.99), 123'457ns);
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (int value = 1; value <= 100; ++value) histogram.Record(std::chrono::nanoseconds(value));
  EXPECT_EQ(histogram.Percentile(0.50), 50ns);
  EXPECT_EQ(histogram.Percentile(0.99), 99ns);
  EXPECT_EQ(histogram.Percentile(1), 100ns);
}

TEST(LatencyHistogram, RareSlowOnesShowInTheTailOnly) {
  LatencyHistogram histogram;
  for (int i = 0; i < 990; ++i) histogram.Record(100us);
  for (int i = 0; i < 10; ++i) histogram.Record(2s);
  EXPECT_NEAR(static_cast<double>(histogram.Percentile(0.99).count()), 1e5, 1e5 / 64);
  EXPECT_NEAR(static_cast<double>(histogram.Percentile(0.991).count()), 2e9, 2e9 / 64);
  EXPECT_EQ(histogram.Max(), 2s);
}

TEST(LatencyHistogram, ValuesBeyondTheLastBucketAreReportedAsTheMaximum) {
  LatencyHistogram histogram;
  histogram.Record(24h);
  EXPECT_EQ(histogram.Percentile(0.5), 24h);
}

TEST(LatencyHistogram, PercentilesStayWithinOneSixtyFourthAboveTheSortedValues) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::lognormal_distribution<double> latency(11, 2);
  LatencyHistogram histogram;
  std::vector<std::int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::int64_t>(latency(random)));
    histogram.Record(std::chrono::nanoseconds(values.back()));
  }
  std::ranges::sort(values);
  for (const double quantile : {0.25, 0.5, 0.75, 0.9, 0.99, 0.9995, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(values.size())));
    const std::int64_t exact = values[rank - 1];
    const std::int64_t reported = histogram.Percentile(quantile).count();
    EXPECT_GE(reported, exact) << quantile;
    EXPECT_LE(reported, exact + exact / 64 + 1) << quantile;
  }
}

}  // namespace
}  // namespace ei::bench
