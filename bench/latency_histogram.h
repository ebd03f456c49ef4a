#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ei::bench {

// Counts durations in buckets whose width grows with the value: 64 equal steps per power of two of
// nanoseconds, as in HdrHistogram, so every percentile is at most 1/64 (1.6 %) above the true value. Fixed
// size of 20 KB, no allocation. Used by one thread.
class LatencyHistogram {
 public:
  void Record(std::chrono::nanoseconds duration);

  // The upper edge of the bucket that holds the given share (0 < quantile <= 1) of all values, never above
  // Max(); zero when nothing was recorded.
  std::chrono::nanoseconds Percentile(double quantile) const;
  std::chrono::nanoseconds Max() const { return std::chrono::nanoseconds(max_ns_); }
  std::uint64_t Count() const { return count_; }

 private:
  static constexpr int kStepBits = 6;
  static constexpr std::uint64_t kSteps = 1U << kStepBits;
  // Values from 2^42 ns (73 minutes) on fall into the last bucket.
  static constexpr int kValueBits = 42;
  static constexpr std::size_t kBuckets = (kValueBits - kStepBits + 1) * kSteps;

  static std::size_t BucketOf(std::uint64_t value_ns);
  static std::uint64_t UpperEdge(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ns_ = 0;
};

}  // namespace ei::bench
