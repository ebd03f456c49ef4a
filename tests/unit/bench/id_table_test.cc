#include "bench/id_table.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::bench {
namespace {

TEST(IdTable, AcceptedAndNeverArrivedIsMissing) {
  IdTable ids(10);
  ASSERT_TRUE(ids.AddAccepted("a"));
  ASSERT_TRUE(ids.AddAccepted("b"));
  ASSERT_TRUE(ids.AddArrived("a"));
  const auto found = ids.Compare();
  EXPECT_EQ(found.ledger, 2U);
  EXPECT_EQ(found.records, 1U);
  EXPECT_EQ(found.missing, 1U);
  EXPECT_EQ(found.duplicates, 0U);
  EXPECT_EQ(found.extra, 0U);
  EXPECT_EQ(ids.Missing(5), std::vector<std::string_view>{"b"});
  EXPECT_TRUE(ids.Missing(0).empty());
}

TEST(IdTable, RepeatedArrivalsAreDuplicatesAndUnknownOnesExtra) {
  IdTable ids(10);
  ASSERT_TRUE(ids.AddAccepted("a"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(ids.AddArrived("a"));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(ids.AddArrived("x"));
  const auto found = ids.Compare();
  EXPECT_EQ(found.records, 5U);
  EXPECT_EQ(found.distinct, 2U);
  EXPECT_EQ(found.duplicates, 3U);
  EXPECT_EQ(found.extra, 1U);
  EXPECT_EQ(found.missing, 0U);
}

TEST(IdTable, LedgerLineThatRepeatsCountsOnce) {
  IdTable ids(10);
  ASSERT_TRUE(ids.AddAccepted("a"));
  ASSERT_TRUE(ids.AddAccepted("a"));
  EXPECT_EQ(ids.Compare().ledger, 1U);
}

TEST(IdTable, FullTableRefusesNewIdsAndKeepsCountingOldOnes) {
  IdTable ids(2);
  ASSERT_TRUE(ids.AddAccepted("a"));
  ASSERT_TRUE(ids.AddAccepted("b"));
  EXPECT_FALSE(ids.AddArrived("c"));
  EXPECT_TRUE(ids.AddArrived("b"));
}

TEST(IdTable, OverlongIdIsRefused) {
  IdTable ids(2);
  EXPECT_TRUE(ids.AddArrived(std::string(65'535, 'x')));
  EXPECT_FALSE(ids.AddArrived(std::string(65'536, 'x')));
}

TEST(IdTable, CountsStayRightWhileTheTableGrows) {
  constexpr int kIds = 50'000;
  IdTable ids(kIds);
  for (int i = 0; i < kIds; ++i) ASSERT_TRUE(ids.AddAccepted("run-" + std::to_string(i)));
  for (int i = 0; i < kIds; i += 2) ASSERT_TRUE(ids.AddArrived("run-" + std::to_string(i)));
  const auto found = ids.Compare();
  EXPECT_EQ(found.ledger, 50'000U);
  EXPECT_EQ(found.distinct, 25'000U);
  EXPECT_EQ(found.missing, 25'000U);
  EXPECT_EQ(found.duplicates, 0U);
}

}  // namespace
}  // namespace ei::bench
