#include "bench/delay_line.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

namespace ei::bench {
namespace {

using namespace std::chrono_literals;

TEST(DelayLine, PieceComesOutNotBeforeItsTime) {
  DelayLine line(20ms);
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(line.Put("a"));
  EXPECT_EQ(line.Take(), "a");
  EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms);
}

TEST(DelayLine, PiecesUnderWayComeOutInOrderBeforeTheEnd) {
  DelayLine line(1ms);
  for (const char* piece : {"a", "bc", "d"}) ASSERT_TRUE(line.Put(piece));
  line.End();
  EXPECT_EQ(line.Take(), "a");
  EXPECT_EQ(line.Take(), "bc");
  EXPECT_EQ(line.Take(), "d");
  EXPECT_EQ(line.Take(), std::nullopt);
}

TEST(DelayLine, FullLineTakesMoreOnceAPieceIsOut) {
  DelayLine line(0ms);
  const std::string half(DelayLine::kBytesMax / 2, 'x');
  ASSERT_TRUE(line.Put(half));
  ASSERT_TRUE(line.Put(half));
  bool took = false;
  {
    const std::jthread sender([&] { took = line.Put("y"); });
    EXPECT_EQ(line.Take()->size(), half.size());
  }
  EXPECT_TRUE(took);
  EXPECT_EQ(line.Take()->size(), half.size());
  EXPECT_EQ(line.Take(), "y");
}

TEST(DelayLine, BrokenLineReleasesBothSides) {
  DelayLine line(1h);
  ASSERT_TRUE(line.Put(std::string(DelayLine::kBytesMax, 'x')));
  bool took = true;
  {
    const std::jthread sender([&] { took = line.Put("y"); });
    const std::jthread breaker([&] { line.Break(); });
    EXPECT_EQ(line.Take(), std::nullopt);
  }
  EXPECT_FALSE(took);
}

}  // namespace
}  // namespace ei::bench
