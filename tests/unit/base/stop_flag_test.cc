#include "base/stop_flag.h"

#include <gtest/gtest.h>

#include <thread>

namespace ei::base {
namespace {

TEST(StopFlag, WaitsForItsTime) {
  StopFlag flag;
  const SteadyTime time = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  EXPECT_FALSE(flag.WaitUntil(time));
  EXPECT_GE(std::chrono::steady_clock::now(), time);
  EXPECT_FALSE(flag.IsSet());
}

TEST(StopFlag, AWaitingThreadEndsOnceItIsSet) {
  StopFlag flag;
  std::jthread waiting([&] { EXPECT_TRUE(flag.WaitUntil(SteadyTime::max())); });
  flag.Set();
  waiting.join();
  EXPECT_TRUE(flag.IsSet());
}

TEST(StopFlag, ALaterWaitDoesNotBegin) {
  StopFlag flag;
  flag.Set();
  EXPECT_TRUE(flag.WaitUntil(SteadyTime::max()));
}

}  // namespace
}  // namespace ei::base
