#include "base/enum_rows.h"

#include <gtest/gtest.h>

#include <array>

namespace ei::base {
namespace {

enum class Fruit { kApple, kPear, kPlum };
struct Row {
  Fruit fruit;
  int number;
};
template <size_t kSize>
using Rows = std::array<Row, kSize>;

constexpr Rows<3> kAll = {{{Fruit::kApple, 0}, {Fruit::kPear, 0}, {Fruit::kPlum, 0}}};
constexpr Rows<2> kShort = {{{Fruit::kApple, 0}, {Fruit::kPear, 0}}};
constexpr Rows<3> kSwapped = {{{Fruit::kApple, 0}, {Fruit::kPlum, 0}, {Fruit::kPear, 0}}};
constexpr Rows<3> kTwice = {{{Fruit::kApple, 0}, {Fruit::kApple, 0}, {Fruit::kPlum, 0}}};

TEST(EnumRows, EachEnumeratorNeedsItsRowAtItsPlace) {
  EXPECT_TRUE((HasRowForEach(kAll, &Row::fruit, Fruit::kPlum)));
  EXPECT_FALSE((HasRowForEach(kShort, &Row::fruit, Fruit::kPlum)));
  EXPECT_FALSE((HasRowForEach(kAll, &Row::fruit, Fruit::kPear)));
  EXPECT_FALSE((HasRowForEach(kSwapped, &Row::fruit, Fruit::kPlum)));
  EXPECT_FALSE((HasRowForEach(kTwice, &Row::fruit, Fruit::kPlum)));
}

}  // namespace
}  // namespace ei::base
