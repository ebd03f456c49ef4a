#include "clients/client_shares.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "clients/client_holdings.h"

namespace ei {
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

// Returns a client that has sent events.
ClientShares::ClientHandle Sender(ClientShares& shares, std::string_view identity,
                                  base::SteadyTime now = kStart) {
  ClientShares::ClientHandle handle = shares.Enter(identity, now);
  shares.NoteSender(handle.Client(), now);
  return handle;
}

TEST(ClientShares, AClientAloneMayHaveAllButTheLastConnections) {
  ClientShares shares(OptionsOf(80));
  const auto alone = Sender(shares, "a");
  EXPECT_EQ(shares.Known(), 1U);
  shares.Take(alone.Client(), Shared::kJournalEvents, 79);
  EXPECT_TRUE(shares.Allows(alone.Client(), Shared::kJournalEvents, 1));
  EXPECT_TRUE(shares.Allows(alone.Client(), Shared::kConnections, 70));
  EXPECT_FALSE(shares.Allows(alone.Client(), Shared::kConnections, 71));
}

TEST(ClientShares, TheLastEighthIsForClientsThatHoldLittle) {
  ClientShares shares(OptionsOf(80));
  const auto flood = Sender(shares, "flood");
  const auto small = Sender(shares, "small");
  EXPECT_TRUE(shares.Allows(flood.Client(), Shared::kJournalBytes, 70));
  EXPECT_FALSE(shares.Allows(flood.Client(), Shared::kJournalBytes, 71));
  shares.Take(flood.Client(), Shared::kJournalBytes, 70);
  EXPECT_FALSE(shares.Allows(flood.Client(), Shared::kJournalBytes, 1));
  EXPECT_TRUE(shares.Allows(small.Client(), Shared::kJournalBytes, 10));
  shares.Take(small.Client(), Shared::kJournalBytes, 10);
  EXPECT_FALSE(shares.Allows(small.Client(), Shared::kJournalBytes, 1)) << "it already holds an eighth";
  EXPECT_DOUBLE_EQ(shares.LargestPart(Shared::kJournalBytes), 70.0 / 80);
  shares.Give(flood.Client(), Shared::kJournalBytes, 5);
  EXPECT_FALSE(shares.Allows(flood.Client(), Shared::kJournalBytes, 1))
      << "released capacity first refills the last eighth";
  EXPECT_TRUE(shares.Allows(flood.Client(), Shared::kReadBytes, 70)) << "each resource is shared separately";
}

TEST(ClientShares, AResourceWithoutALimitIsNeverRejected) {
  ClientShares shares(OptionsOf(0));
  const auto a = Sender(shares, "a");
  const auto b = Sender(shares, "b");
  EXPECT_TRUE(shares.Allows(a.Client(), Shared::kJournalBytes, uint64_t{1} << 60));
  EXPECT_EQ(shares.LargestPart(Shared::kJournalBytes), 0);
}

TEST(ClientShares, TheAnonymousClientIsCountedAndNeverRejected) {
  ClientShares shares(OptionsOf(80));
  const auto a = Sender(shares, "a");
  const auto b = Sender(shares, "b");
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

TEST(ClientShares, AClientIsTrackedForAMinuteAfterItsLastEvents) {
  ClientShares shares(OptionsOf(80));
  const auto a = Sender(shares, "a");
  {
    const auto b = Sender(shares, "b");
    EXPECT_TRUE(shares.Contended());
  }
  shares.NoteSender(a.Client(), kStart + seconds(58));
  EXPECT_TRUE(shares.Contended()) << "b has been silent for less than a minute";
  shares.NoteSender(a.Client(), kStart + seconds(61));
  EXPECT_FALSE(shares.Contended());
  EXPECT_EQ(shares.Known(), 1U);
}

TEST(ClientShares, AClientThatIsConnectedAndSilentIsNoLongerTracked) {
  ClientShares shares(OptionsOf(80));
  const auto a = Sender(shares, "a");
  const auto silent = Sender(shares, "silent");
  shares.NoteSender(a.Client(), kStart + minutes(2));
  EXPECT_FALSE(shares.Contended());
  shares.NoteSender(silent.Client(), kStart + minutes(3));
  EXPECT_FALSE(shares.Contended()) << "now a has been silent for a minute";
  shares.NoteSender(a.Client(), kStart + minutes(3));
  EXPECT_TRUE(shares.Contended());
}

TEST(ClientShares, AClientIsTrackedAsLongAsItsEventsWait) {
  ClientShares shares(OptionsOf(80));
  const auto a = Sender(shares, "a");
  ClientNumber holder = 0;
  {
    const auto holding = Sender(shares, "holding");
    holder = holding.Client();
    shares.Take(holder, Shared::kJournalBytes, 1);
  }
  shares.NoteSender(a.Client(), kStart + minutes(10));
  EXPECT_TRUE(shares.Contended());
  EXPECT_EQ(shares.Enter("holding", kStart + minutes(10)).Client(), holder);
  shares.Give(holder, Shared::kJournalBytes, 1);
  shares.NoteSender(a.Client(), kStart + minutes(11));
  EXPECT_FALSE(shares.Contended());
}

// For example a probe or a scraper.
TEST(ClientShares, AClientThatOnlyConnectsIsNotTracked) {
  ClientShares shares(OptionsOf(80));
  const auto producer = Sender(shares, "producer");
  const auto probe = shares.Enter("probe", kStart);
  EXPECT_EQ(shares.Known(), 1U);
  EXPECT_TRUE(shares.Allows(producer.Client(), Shared::kJournalBytes, 80));
  EXPECT_TRUE(shares.WithinFairShare(producer.Client(), 1'000'000, kStart));
  EXPECT_FALSE(shares.Allows(producer.Client(), Shared::kReadBytes, 80))
      << "so that the probe could begin to send";
}

TEST(ClientShares, AReusedNumberHasNoDebt) {
  ClientShares::Options options = OptionsOf(0, 2);
  options.rate = 80;
  options.burst = 80;
  ClientShares shares(options);
  const auto other = Sender(shares, "other");
  ClientNumber number = 0;
  {
    const auto indebted = Sender(shares, "indebted");
    number = indebted.Client();
    shares.Charge(number, 10'000, kStart + seconds(59));
  }
  const base::SteadyTime later = kStart + seconds(61);
  shares.NoteSender(other.Client(), later);
  const auto next = Sender(shares, "next", later);
  ASSERT_EQ(next.Client(), number);
  ASSERT_TRUE(shares.Contended());
  EXPECT_TRUE(shares.WithinFairShare(number, 10, later));
}

TEST(ClientShares, ThoseBeyondTheBoundCountAsOne) {
  ClientShares shares(OptionsOf(80, 2));
  const auto a = Sender(shares, "a");
  const auto b = Sender(shares, "b");
  const auto c = Sender(shares, "c");
  const auto d = Sender(shares, "d");
  EXPECT_EQ(shares.Known(), 3U);
  EXPECT_EQ(c.Client(), d.Client());
  EXPECT_NE(c.Client(), 0);
  shares.Take(c.Client(), Shared::kJournalBytes, 70);
  EXPECT_FALSE(shares.Allows(d.Client(), Shared::kJournalBytes, 1));
  EXPECT_TRUE(shares.Allows(a.Client(), Shared::kJournalBytes, 10));
}

TEST(ClientShares, NumbersOfForgottenClientsAreReused) {
  ClientShares shares(OptionsOf(80, 2));
  for (int i = 0; i < 100; ++i) {
    const auto handle = shares.Enter(std::to_string(i), kStart + minutes(2 * i));
    EXPECT_GE(handle.Client(), 2) << "has its own number";
  }
}

TEST(ClientShares, AClientBelowAnEighthOfTheRateIsWithinItsFairShare) {
  ClientShares::Options options = OptionsOf(0);
  options.rate = 800;
  options.burst = 80;
  ClientShares shares(options);
  const auto a = Sender(shares, "a");
  EXPECT_TRUE(shares.WithinFairShare(a.Client(), 1'000, kStart)) << "alone";
  EXPECT_FALSE(shares.TakeReserved(a.Client(), 11, kStart));
  const auto b = Sender(shares, "b");
  EXPECT_TRUE(shares.WithinFairShare(a.Client(), 10, kStart));
  EXPECT_FALSE(shares.WithinFairShare(a.Client(), 11, kStart)) << "it would be in debt";
  ASSERT_TRUE(shares.TakeReserved(a.Client(), 10, kStart));
  EXPECT_FALSE(shares.WithinFairShare(a.Client(), 1, kStart));
  EXPECT_TRUE(shares.WithinFairShare(b.Client(), 1, kStart));
  EXPECT_TRUE(shares.WithinFairShare(a.Client(), 1, kStart + milliseconds(10))) << "100 a second";
  EXPECT_TRUE(shares.WithinFairShare(0, 1'000, kStart)) << "the anonymous client";
}

TEST(ClientShares, ADebtIsForgottenAfterAMinute) {
  ClientShares::Options options = OptionsOf(0);
  options.rate = 80;
  options.burst = 80;
  ClientShares shares(options);
  const auto a = Sender(shares, "a");
  const auto b = Sender(shares, "b");
  shares.Charge(a.Client(), 1'000'000, kStart);
  EXPECT_FALSE(shares.WithinFairShare(a.Client(), 1, kStart + seconds(60)));
  EXPECT_TRUE(shares.WithinFairShare(a.Client(), 1, kStart + seconds(61)));
}

TEST(ClientShares, ManyThreadsLeaveNothingBehind) {
  ClientShares shares(OptionsOf(1'000'000, 8));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&shares, t] {
      for (int i = 0; i < 5'000; ++i) {
        const auto handle = shares.Enter(std::to_string((i + t) % 20), kStart + seconds(i));
        shares.NoteSender(handle.Client(), kStart + seconds(i));
        shares.Take(handle.Client(), Shared::kJournalBytes, 3);
        static_cast<void>(shares.Allows(handle.Client(), Shared::kJournalBytes, 1));
        static_cast<void>(shares.WithinFairShare(handle.Client(), 1, kStart));
        shares.Give(handle.Client(), Shared::kJournalBytes, 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shares.LargestPart(Shared::kJournalBytes), 0);
  const auto a = Sender(shares, "new", kStart + std::chrono::hours(10));
  EXPECT_EQ(shares.Known(), 1U);
}

TEST(ClientHoldings, AllIsReturnedHoweverOftenClientsAlternate) {
  ClientShares shares(OptionsOf(1'000'000));
  const auto a = shares.Enter("a", kStart);
  const auto b = shares.Enter("b", kStart);
  ClientHoldings holdings;
  for (int i = 0; i < 10'000; ++i) {
    const ClientNumber client = i % 3 == 0 ? a.Client() : b.Client();
    shares.Take(client, Shared::kJournalEvents, 1);
    shares.Take(client, Shared::kJournalBytes, 7);
    holdings.Add(client, 1, 7);
  }
  EXPECT_GT(shares.LargestPart(Shared::kJournalBytes), 0);
  holdings.GiveTo(shares);
  EXPECT_EQ(shares.LargestPart(Shared::kJournalEvents), 0);
  EXPECT_EQ(shares.LargestPart(Shared::kJournalBytes), 0);
  holdings.GiveTo(shares);
  EXPECT_EQ(shares.LargestPart(Shared::kJournalBytes), 0) << "it was already empty";
}

}  // namespace
}  // namespace ei
