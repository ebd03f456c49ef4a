#include "adapters/telemetry/label_set.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "adapters/telemetry/status_set.h"

namespace ei::telemetry {
namespace {

TEST(LabelSet, BeyondItsCapacityEveryValueIsOther) {
  LabelSet<2> set;
  EXPECT_EQ(set.NumberOf("a"), 0U);
  EXPECT_EQ(set.NumberOf("b"), 1U);
  EXPECT_EQ(set.NumberOf("c"), set.kOther);
  EXPECT_EQ(set.NumberOf("d"), set.kOther);
  EXPECT_EQ(set.NumberOf("a"), 0U);
  EXPECT_EQ(set.At(1), "b");
}

// A separate value "other" would make two series with the same labels.
TEST(LabelSet, OtherAndNothingTakeNoPlace) {
  LabelSet<2> set;
  EXPECT_EQ(set.NumberOf("other"), set.kOther);
  EXPECT_EQ(set.NumberOf(""), set.kOther);
  EXPECT_EQ(set.At(0), "");
}

TEST(LabelSet, KeepsItsOwnCopyOfAValue) {
  LabelSet<2> set;
  std::string value = "a value that is longer than any small string";
  const std::string same = value;
  EXPECT_EQ(set.NumberOf(value), 0U);
  value.assign(value.size(), 'x');
  EXPECT_EQ(set.At(0), same);
  EXPECT_EQ(set.NumberOf(same), 0U);
}

TEST(LabelSet, ThreadsThatMeetTheSameNewValuesAgreeOnTheirNumbers) {
  constexpr size_t kThreads = 2;
  constexpr size_t kValues = 8;
  constexpr size_t kRounds = 2'000;
  using Numbers = std::array<size_t, kValues>;
  const auto name = [](size_t value) { return "value " + std::to_string(value); };
  struct Round {
    std::atomic<size_t> arrived{0};
    LabelSet<kValues> labels;
    StatusSet<kValues> statuses;
    std::array<Numbers, kThreads> label_numbers{};
    std::array<Numbers, kThreads> status_numbers{};
  };
  std::vector<Round> rounds(kRounds);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (Round& round : rounds) {
        // With two cores, both threads continue within nanoseconds; the yield is for a single core.
        round.arrived.fetch_add(1);
        for (int spins = 0; round.arrived.load() < kThreads; ++spins) {
          if (spins > 10'000) std::this_thread::yield();
        }
        for (size_t i = 0; i < kValues; ++i) {
          const size_t value = (i + t) % kValues;  // different ones for the same place
          round.label_numbers[t][value] = round.labels.NumberOf(name(value));
          round.status_numbers[t][value] = round.statuses.NumberOf(static_cast<uint16_t>(200 + value));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const Round& round : rounds) {
    ASSERT_EQ(round.label_numbers[1], round.label_numbers[0]);
    ASSERT_EQ(round.status_numbers[1], round.status_numbers[0]);
    for (size_t value = 0; value < kValues; ++value) {
      ASSERT_EQ(round.labels.At(round.label_numbers[0][value]), name(value));
      ASSERT_EQ(round.statuses.At(round.status_numbers[0][value]), 200 + value);
    }
  }
}

TEST(StatusSet, BeyondItsCapacityAndBelowOneEveryStatusIsOther) {
  StatusSet<2> set;
  EXPECT_EQ(set.NumberOf(0), set.kOther);
  EXPECT_EQ(set.NumberOf(202), 0U);
  EXPECT_EQ(set.NumberOf(429), 1U);
  EXPECT_EQ(set.NumberOf(503), set.kOther);
  EXPECT_EQ(set.NumberOf(429), 1U);
  EXPECT_EQ(set.At(0), 202);
}

}  // namespace
}  // namespace ei::telemetry
