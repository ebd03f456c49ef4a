#include "commands/exit_deadline.h"

#include <gtest/gtest.h>

#include <latch>

namespace ei::service {
namespace {

using namespace std::chrono_literals;

TEST(ExitDeadlineDeathTest, WhatHangsBeyondItEndsWithTheStatus) {
  EXPECT_EXIT(
      {
        const ExitDeadline deadline(10ms, 5, "something hangs\n");
        std::latch never(1);
        never.wait();
      },
      testing::ExitedWithCode(5), "something hangs\n");
}

TEST(ExitDeadline, WhatEndsInTimeGoesOn) {
  {
    const ExitDeadline deadline(1h, 5, "");
  }
}

}  // namespace
}  // namespace ei::service
