#include "bench/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace ei::bench {

std::size_t LatencyHistogram::BucketOf(std::uint64_t value_ns) {
  if (value_ns < kSteps) return value_ns;
  const int shift = static_cast<int>(std::bit_width(value_ns)) - kStepBits - 1;
  const std::size_t bucket = (static_cast<std::size_t>(shift) * kSteps) + (value_ns >> shift);
  return std::min(bucket, kBuckets - 1);
}

std::uint64_t LatencyHistogram::UpperEdge(std::size_t bucket) {
  if (bucket < 2 * kSteps) return bucket;
  const std::uint64_t shift = (bucket / kSteps) - 1;
  const std::uint64_t lower = (bucket % kSteps + kSteps) << shift;
  return lower + (std::uint64_t{1} << shift) - 1;
}

void LatencyHistogram::Record(std::chrono::nanoseconds duration) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  ++counts_[BucketOf(value)];
  ++count_;
  max_ns_ = std::max(max_ns_, value);
}

std::chrono::nanoseconds LatencyHistogram::Percentile(double quantile) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket + 1 < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen > 0 && seen >= wanted) return std::chrono::nanoseconds(std::min(UpperEdge(bucket), max_ns_));
  }
  return Max();
}

}  // namespace ei::bench
