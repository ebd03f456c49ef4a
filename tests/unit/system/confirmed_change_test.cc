#include "system/confirmed_change.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::system {
namespace {

using Change = ConfirmedChange<std::string>;

bool Reports(Change& change, const std::string& found) {
  const std::string* const reported = change.Observe(found);
  EXPECT_TRUE(reported == nullptr || *reported == found);
  return reported != nullptr;
}

TEST(ConfirmedChange, IsReportedOnceAndByTheSecondCall) {
  Change change("old");
  EXPECT_FALSE(Reports(change, "new"));
  EXPECT_TRUE(Reports(change, "new"));
  EXPECT_FALSE(Reports(change, "new"));
  EXPECT_FALSE(Reports(change, "old"));
  EXPECT_TRUE(Reports(change, "old"));
}

TEST(ConfirmedChange, AValueThatIsStillChangingIsLeftAlone) {
  Change change("old");
  EXPECT_FALSE(Reports(change, "ne"));
  EXPECT_FALSE(Reports(change, "new"));
  EXPECT_FALSE(Reports(change, "old"));
  EXPECT_FALSE(Reports(change, "new")) << "the calls have to follow each other";
  EXPECT_TRUE(Reports(change, "new"));
}

TEST(ConfirmedChange, AMissingValueIsNoChangeAndConfirmsNone) {
  Change change("old");
  EXPECT_FALSE(Reports(change, "new"));
  EXPECT_EQ(change.Observe(std::nullopt), nullptr);
  EXPECT_EQ(change.Observe(std::nullopt), nullptr);
  EXPECT_FALSE(Reports(change, "new"));
  EXPECT_TRUE(Reports(change, "new"));
  Change from_none(std::nullopt);
  EXPECT_FALSE(Reports(from_none, "first"));
  EXPECT_TRUE(Reports(from_none, "first"));
}

}  // namespace
}  // namespace ei::system
