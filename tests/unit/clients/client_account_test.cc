#include "clients/client_account.h"

#include <gtest/gtest.h>

#include "clients/client.h"

namespace ei {
namespace {

constexpr base::SteadyTime kNow{};

TEST(ClientAccounts, AnAccountOutlivesTheDefinitionOfItsClient) {
  ClientAccounts accounts(10);
  const ClientLimits limits{.rate = 10, .burst = 5};
  const ClientAccount first = accounts.Of("a", limits);
  ASSERT_TRUE(first.bucket->TryTake(5, kNow).admitted);
  first.counts->accepted = 5;
  const ClientAccount again = accounts.Of("a", limits);
  EXPECT_FALSE(again.bucket->TryTake(1, kNow).admitted) << "a reload must not refill the bucket";
  EXPECT_EQ(again.counts->accepted, 5U);
}

TEST(ClientAccounts, AChangedRateIsANewBucketAndCountsGoOn) {
  ClientAccounts accounts(10);
  accounts.Of("a", {.rate = 10, .burst = 5}).counts->rejected = 3;
  const ClientAccount changed = accounts.Of("a", {.rate = 20, .burst = 5});
  EXPECT_EQ(changed.bucket->TimeOf(20), std::chrono::seconds(1));
  EXPECT_EQ(changed.counts->rejected, 3U);
  EXPECT_EQ(accounts.Of("a", {}).bucket, nullptr);
}

TEST(ClientAccounts, TheBurstIsOneSecondOfTheRateUnlessItIsSet) {
  ClientAccounts accounts(10);
  EXPECT_EQ(accounts.Of("a", {.rate = 40}).bucket->Burst(), 40);
}

TEST(ClientAccounts, ClientsBeyondTheMaximumAreCountedTogether) {
  ClientAccounts accounts(2);
  for (const std::string name : {"a", "b", "c", "d"}) ++accounts.Of(name, {.rate = 1}).counts->accepted;
  EXPECT_EQ(accounts.Of("c", {.rate = 1}).bucket, nullptr);
  EXPECT_NE(accounts.Of("b", {.rate = 1}).bucket, nullptr);
  const auto counts = accounts.Counts(10);
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_EQ(counts[0].name, "a");
  EXPECT_EQ(counts[2].name, "other");
  EXPECT_EQ(counts[2].accepted, 2U);
}

TEST(ClientAccounts, OnlySoManyNamesAreCountedByThemselves) {
  ClientAccounts accounts(10);
  for (const std::string name : {"a", "other", "b", "c"}) accounts.Of(name, {}).counts->accepted = 1;
  const auto counts = accounts.Counts(2);
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_EQ(counts[1].name, "b");
  EXPECT_EQ(counts[2].name, "other");
  EXPECT_EQ(counts[2].accepted, 2U) << "a client with this name is among the others";
}

}  // namespace
}  // namespace ei
