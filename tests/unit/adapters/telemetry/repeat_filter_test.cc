#include "adapters/telemetry/repeat_filter.h"

#include <gtest/gtest.h>

namespace ei::telemetry {
namespace {

using namespace std::chrono_literals;

constexpr base::SteadyTime kStart(1h);

TEST(RepeatFilter, HoldsBackWhatFollowsTheFirstFew) {
  RepeatFilter filter({.lines_max = 2, .window = 10s, .kinds_max = 4});
  EXPECT_TRUE(filter.Passes(LogLevel::kWarn, "kafka", "lost", kStart));
  EXPECT_TRUE(filter.Passes(LogLevel::kWarn, "kafka", "lost", kStart));
  EXPECT_FALSE(filter.Passes(LogLevel::kWarn, "kafka", "lost", kStart));
  EXPECT_FALSE(filter.Passes(LogLevel::kError, "kafka", "lost", kStart + 9s));
  EXPECT_TRUE(filter.Passes(LogLevel::kWarn, "kafka", "found", kStart));
  EXPECT_TRUE(filter.Passes(LogLevel::kWarn, "http", "lost", kStart));
}

TEST(RepeatFilter, TellsOnceHowManyWereHeldBackWhenTheWindowEnds) {
  RepeatFilter filter({.lines_max = 2, .window = 10s, .kinds_max = 4});
  for (int i = 0; i < 7; ++i) {
    filter.Passes(i == 3 ? LogLevel::kError : LogLevel::kWarn, "kafka", "lost", kStart + i * 1s);
  }
  EXPECT_TRUE(filter.TakeEnded(kStart + 10s - 1ns).empty());
  const auto summaries = filter.TakeEnded(kStart + 10s);
  ASSERT_EQ(summaries.size(), 1U);
  EXPECT_EQ(summaries[0].component, "kafka");
  EXPECT_EQ(summaries[0].message, "lost");
  EXPECT_EQ(summaries[0].repeated, 5U);
  EXPECT_EQ(summaries[0].level, LogLevel::kError);
  EXPECT_TRUE(filter.TakeEnded(kStart + 10s).empty());
  EXPECT_TRUE(filter.TakeAll().empty());
  EXPECT_TRUE(filter.Passes(LogLevel::kWarn, "kafka", "lost", kStart + 10s)) << "a new window";
}

TEST(RepeatFilter, AWindowThatHeldNothingBackEndsInSilence) {
  RepeatFilter filter({.lines_max = 2, .window = 10s, .kinds_max = 4});
  filter.Passes(LogLevel::kWarn, "kafka", "lost", kStart);
  filter.Passes(LogLevel::kWarn, "kafka", "lost", kStart);
  EXPECT_TRUE(filter.TakeEnded(kStart + 1h).empty());
}

TEST(RepeatFilter, ALineOfOneKindMoreThanCanBeWatchedPasses) {
  RepeatFilter filter({.lines_max = 1, .window = 10s, .kinds_max = 2});
  for (const char* message : {"a", "b"}) {
    EXPECT_TRUE(filter.Passes(LogLevel::kWarn, "test", message, kStart));
    EXPECT_FALSE(filter.Passes(LogLevel::kWarn, "test", message, kStart));
  }
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(filter.Passes(LogLevel::kWarn, "test", "c", kStart));
  EXPECT_EQ(filter.TakeEnded(kStart + 10s).size(), 2U);
  EXPECT_TRUE(filter.Passes(LogLevel::kWarn, "test", "c", kStart + 10s));
  EXPECT_FALSE(filter.Passes(LogLevel::kWarn, "test", "c", kStart + 10s)) << "there is room to watch it now";
}

TEST(RepeatFilter, TheEndTellsWindowsThatHaveNotEnded) {
  RepeatFilter filter({.lines_max = 1, .window = 10s, .kinds_max = 4});
  for (int i = 0; i < 3; ++i) filter.Passes(LogLevel::kWarn, "test", "a", kStart);
  const auto summaries = filter.TakeAll();
  ASSERT_EQ(summaries.size(), 1U);
  EXPECT_EQ(summaries[0].repeated, 2U);
}

}  // namespace
}  // namespace ei::telemetry
