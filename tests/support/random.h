#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace ei::support {

// The seed of a random test: EI_SEED from the environment, or the test's default. Printed and recorded in the
// test report.
inline uint64_t SeedOr(uint64_t fallback) {
  const char* const text = std::getenv("EI_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
  std::cout << "[   seed   ] EI_SEED=" << seed << '\n';
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

// The number of schedules that a simulation runs: EI_SCHEDULES from the environment; else 1 if EI_SEED is
// set, to repeat that schedule; else the simulation's default.
inline uint64_t SchedulesOr(uint64_t fallback) {
  if (const char* const text = std::getenv("EI_SCHEDULES")) return std::strtoull(text, nullptr, 10);
  return std::getenv("EI_SEED") != nullptr ? 1 : fallback;
}

// The number of repetitions of a random test: the given number, or an eighth of it in a sanitized build,
// which is slow. A sanitizer finds an error at its first occurrence.
constexpr uint64_t Repeats(uint64_t times) {
#if defined(EI_SANITIZED)
  return (times + 7) / 8;
#else
  return times;
#endif
}

// SplitMix64. Seeding is cheap, so each of many thousand schedules has its own generator.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound - 1].
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  uint64_t Between(uint64_t low, uint64_t high) { return low + Below(high - low + 1); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace ei::support
