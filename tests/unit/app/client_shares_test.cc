#include "app/client_shares.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "app/client_holdings.h"

namespace ei::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const base::SteadyTime kStart(std::chrono::hours(5));

ClientShares::Options OptionsOf(uint64_t capacity, size_t clients_max = 100) {
  ClientShares::Options options;
  options.capacities.fill(capacity);
  options.clients_max = clients_max;
  return options;
}

TEST(ClientShares, WhoIsAloneMayHaveAllButTheLastConnections) {
  ClientShares shares(OptionsOf(80));
  const auto alone = shares.Enter("a", kStart);
  EXPECT_EQ(shares.Known(), 1U);
  shares.Take(alone.Client(), Shared::kJournalEvents, 79);
  EXPECT_TRUE(shares.Allows(alone.Client(), Shared::kJournalEvents, 1));
  EXPECT_TRUE(shares.Allows(alone.Client(), Shared::kConnections, 70));
  EXPECT_FALSE(shares.Allows(alone.Client(), Shared::kConnections, 71));
}

TEST(ClientShares, TheLastEighthIsForThoseWhoHoldLittle) {
  ClientShares shares(OptionsOf(80));
  const auto flood = shares.Enter("flood", kStart);
  const auto modest = shares.Enter("modest", kStart);
  EXPECT_TRUE(shares.Allows(flood.Client(), Shared::kJournalBytes, 70));
  EXPECT_FALSE(shares.Allows(flood.Client(), Shared::kJournalBytes, 71));
  shares.Take(flood.Client(), Shared::kJournalBytes, 70);
  EXPECT_FALSE(shares.Allows(flood.Client(), Shared::kJournalBytes, 1));
  EXPECT_TRUE(shares.Allows(modest.Client(), Shared::kJournalBytes, 10));
  shares.Take(modest.Client(), Shared::kJournalBytes, 10);
  EXPECT_FALSE(shares.Allows(modest.Client(), Shared::kJournalBytes, 1)) << "it holds an eighth itself";
  EXPECT_DOUBLE_EQ(shares.LargestPart(Shared::kJournalBytes), 70.0 / 80);
  shares.Give(flood.Client(), Shared::kJournalBytes, 5);
  EXPECT_FALSE(shares.Allows(flood.Client(), Shared::kJournalBytes, 1))
      << "what comes free fills the last eighth first";
  EXPECT_TRUE(shares.Allows(flood.Client(), Shared::kReadBytes, 70)) << "each resource is shared apart";
}

TEST(ClientShares, WhatHasNoBoundIsNeverRefused) {
  ClientShares shares(OptionsOf(0));
  const auto a = shares.Enter("a", kStart);
  const auto b = shares.Enter("b", kStart);
  EXPECT_TRUE(shares.Allows(a.Client(), Shared::kJournalBytes, uint64_t{1} << 60));
  EXPECT_EQ(shares.LargestPart(Shared::kJournalBytes), 0);
}

TEST(ClientShares, NobodyIsNeverRefusedAndCountsAllTheSame) {
  ClientShares shares(OptionsOf(80));
  const auto a = shares.Enter("a", kStart);
  const auto b = shares.Enter("b", kStart);
  shares.Take(0, Shared::kJournalBytes, 75);
  EXPECT_TRUE(shares.Allows(0, Shared::kJournalBytes, 100));
  EXPECT_FALSE(shares.Allows(a.Client(), Shared::kJournalBytes, 11));
  EXPECT_TRUE(shares.Allows(a.Client(), Shared::kJournalBytes, 10));
}

TEST(ClientShares, TheSameIdentityIsTheSameClient) {
  ClientShares shares(OptionsOf(80));
  const auto first = shares.Enter("a", kStart);
  const auto second = shares.Enter("a", kStart + seconds(1));
  const auto other = shares.Enter("b", kStart);
  EXPECT_EQ(first.Client(), second.Client());
  EXPECT_NE(first.Client(), other.Client());
}

TEST(ClientShares, AClientIsForgottenAMinuteAfterItHasGoneIfItHoldsNothing) {
  ClientShares shares(OptionsOf(80));
  domain::ClientNumber holder = 0;
  {
    const auto gone = shares.Enter("gone", kStart);
    const auto holding = shares.Enter("holding", kStart);
    holder = holding.Client();
    shares.Take(holder, Shared::kJournalBytes, 1);
  }
  const auto stays = shares.Enter("stays", kStart);
  const auto late = shares.Enter("late", kStart + seconds(59));
  EXPECT_EQ(shares.Known(), 4U);
  const auto later = shares.Enter("later", kStart + seconds(65));
  EXPECT_EQ(shares.Known(), 4U) << "gone has gone";
  shares.Give(holder, Shared::kJournalBytes, 1);
  const auto last = shares.Enter("last", kStart + minutes(10));
  EXPECT_EQ(shares.Known(), 4U) << "stays, late, later, last";
}

TEST(ClientShares, ThoseBeyondTheBoundCountAsOne) {
  ClientShares shares(OptionsOf(80, 2));
  const auto a = shares.Enter("a", kStart);
  const auto b = shares.Enter("b", kStart);
  const auto c = shares.Enter("c", kStart);
  const auto d = shares.Enter("d", kStart);
  EXPECT_EQ(shares.Known(), 2U);
  EXPECT_EQ(c.Client(), d.Client());
  EXPECT_NE(c.Client(), 0);
  shares.Take(c.Client(), Shared::kJournalBytes, 70);
  EXPECT_FALSE(shares.Allows(d.Client(), Shared::kJournalBytes, 1));
  EXPECT_TRUE(shares.Allows(a.Client(), Shared::kJournalBytes, 10));
}

TEST(ClientShares, PlacesOfForgottenClientsAreUsedAgain) {
  ClientShares shares(OptionsOf(80, 2));
  for (int i = 0; i < 100; ++i) {
    const auto guest = shares.Enter(std::to_string(i), kStart + minutes(2 * i));
    EXPECT_GE(guest.Client(), 2) << "has a number of its own";
  }
}

TEST(ClientShares, ModestIsWhoStaysBelowAnEighthOfTheRate) {
  ClientShares::Options options = OptionsOf(0);
  options.rate = 800;
  options.burst = 80;
  ClientShares shares(options);
  const auto a = shares.Enter("a", kStart);
  EXPECT_TRUE(shares.IsModest(a.Client(), 1'000, kStart)) << "alone";
  const auto b = shares.Enter("b", kStart);
  EXPECT_TRUE(shares.IsModest(a.Client(), 10, kStart));
  shares.Charge(a.Client(), 10, kStart);
  EXPECT_FALSE(shares.IsModest(a.Client(), 1, kStart));
  EXPECT_TRUE(shares.IsModest(b.Client(), 1, kStart));
  EXPECT_TRUE(shares.IsModest(a.Client(), 1, kStart + milliseconds(10))) << "100 a second";
  EXPECT_TRUE(shares.IsModest(0, 1'000, kStart)) << "nobody";
}

TEST(ClientShares, ManyThreadsLeaveNothingBehind) {
  ClientShares shares(OptionsOf(1'000'000, 8));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&shares, t] {
      for (int i = 0; i < 5'000; ++i) {
        const auto guest = shares.Enter(std::to_string((i + t) % 20), kStart + seconds(i));
        shares.Take(guest.Client(), Shared::kJournalBytes, 3);
        static_cast<void>(shares.Allows(guest.Client(), Shared::kJournalBytes, 1));
        static_cast<void>(shares.IsModest(guest.Client(), 1, kStart));
        shares.Give(guest.Client(), Shared::kJournalBytes, 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shares.LargestPart(Shared::kJournalBytes), 0);
  const auto a = shares.Enter("new", kStart + std::chrono::hours(10));
  EXPECT_EQ(shares.Known(), 1U);
}

TEST(ClientHoldings, AllIsGivenBackHoweverOftenClientsAlternate) {
  ClientShares shares(OptionsOf(1'000'000));
  const auto a = shares.Enter("a", kStart);
  const auto b = shares.Enter("b", kStart);
  ClientHoldings holdings;
  for (int i = 0; i < 10'000; ++i) {
    const domain::ClientNumber client = i % 3 == 0 ? a.Client() : b.Client();
    shares.Take(client, Shared::kJournalEvents, 1);
    shares.Take(client, Shared::kJournalBytes, 7);
    holdings.Add(client, 1, 7);
  }
  EXPECT_GT(shares.LargestPart(Shared::kJournalBytes), 0);
  holdings.GiveTo(shares);
  EXPECT_EQ(shares.LargestPart(Shared::kJournalEvents), 0);
  EXPECT_EQ(shares.LargestPart(Shared::kJournalBytes), 0);
  holdings.GiveTo(shares);
  EXPECT_EQ(shares.LargestPart(Shared::kJournalBytes), 0) << "it is empty then";
}

}  // namespace
}  // namespace ei::app
