#include "base/join_first.h"

#include <gtest/gtest.h>

#include <vector>

namespace ei::base {
namespace {

TEST(JoinFirst, TellsHowManyAreLeftOut) {
  const std::vector<std::string> texts = {"a", "b", "c"};
  EXPECT_EQ(JoinFirst(texts, 2), "a; b; and 1 more");
  EXPECT_EQ(JoinFirst(texts, 3), "a; b; c");
  EXPECT_EQ(JoinFirst(std::vector<std::string>(), 3), "");
}

TEST(JoinFirst, TakesTheTextOfEachItem) {
  EXPECT_EQ(JoinFirst(std::vector{1, 2}, 5, [](int number) { return std::to_string(number); }), "1; 2");
}

}  // namespace
}  // namespace ei::base
