#include "base/token_bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "support/random.h"

namespace ei {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const base::SteadyTime kStart(std::chrono::hours(5));

// Takes single tokens until one is rejected; returns the number of admitted ones.
uint64_t TakeAll(TokenBucket& bucket, base::SteadyTime now, uint64_t at_most) {
  uint64_t taken = 0;
  while (taken < at_most && bucket.TryTake(1, now).admitted) ++taken;
  return taken;
}

TEST(TokenBucket, FullBucketAdmitsTheBurstAndNotOneMore) {
  TokenBucket bucket(100, 250);
  EXPECT_EQ(TakeAll(bucket, kStart, 1000), 250U);
  EXPECT_FALSE(bucket.TryTake(1, kStart).admitted);
  EXPECT_FALSE(bucket.Peek(kStart).admitted);
}

TEST(TokenBucket, EmptyBucketGainsTheRateAndNeverMoreThanTheBurst) {
  TokenBucket bucket(100, 250);
  TakeAll(bucket, kStart, 1000);
  EXPECT_EQ(TakeAll(bucket, kStart + seconds(1), 1000), 100U);
  EXPECT_EQ(TakeAll(bucket, kStart + milliseconds(1500), 1000), 50U);
  EXPECT_EQ(TakeAll(bucket, kStart + seconds(1000), 1000), 250U);
}

TEST(TokenBucket, BatchBeyondTheBurstWaitsForAFullBucketAndLeavesADebt) {
  TokenBucket bucket(100, 10);
  ASSERT_TRUE(bucket.TryTake(1, kStart).admitted);
  const auto rejected = bucket.TryTake(1000, kStart);
  EXPECT_FALSE(rejected.admitted);
  EXPECT_NEAR(std::chrono::duration<double>(rejected.retry_after).count(), 0.01, 1e-6);
  ASSERT_TRUE(bucket.TryTake(1000, kStart + milliseconds(11)).admitted);
  const auto in_debt = bucket.TryTake(1, kStart + milliseconds(11));
  EXPECT_FALSE(in_debt.admitted);
  EXPECT_EQ(in_debt.remaining, 0);
  EXPECT_NEAR(std::chrono::duration<double>(in_debt.retry_after).count(), 9.91, 0.001);
  EXPECT_EQ(TakeAll(bucket, kStart + seconds(11), 1000), 10U) << "paid back, and full again";
}

TEST(TokenBucket, AChargeIsNeverRejectedAndDelaysLaterRequests) {
  TokenBucket bucket(100, 10);
  bucket.Charge(110, kStart);
  const auto rejected = bucket.TryTake(1, kStart);
  EXPECT_FALSE(rejected.admitted);
  EXPECT_NEAR(std::chrono::duration<double>(rejected.retry_after).count(), 1.01, 1e-6);
  EXPECT_EQ(TakeAll(bucket, kStart + milliseconds(1100), 1000), 10U);
}

TEST(TokenBucket, ADebtIsBoundedIfRequested) {
  TokenBucket bucket(100, 10);
  for (int i = 0; i < 100; ++i) bucket.Charge(1'000'000'000'000, kStart, seconds(5));
  EXPECT_EQ(TakeAll(bucket, kStart + seconds(5), 1000), 0U);
  EXPECT_EQ(TakeAll(bucket, kStart + milliseconds(5100), 1000), 10U);
  bucket.Charge(1000, kStart + seconds(6), seconds(20));
  bucket.Charge(1, kStart + seconds(6), seconds(1));
  EXPECT_FALSE(bucket.TryTake(1, kStart + seconds(8)).admitted)
      << "a lower bound does not reduce an existing debt";
}

TEST(TokenBucket, ChargesOfTheSlowestRateDontOverflow) {
  TokenBucket bucket(1e-6, 1);
  for (int i = 0; i < 100; ++i) bucket.Charge(1'000'000, kStart);
  EXPECT_FALSE(bucket.TryTake(1, kStart + std::chrono::hours(1)).admitted);
  EXPECT_GT(bucket.Peek(kStart).retry_after, seconds(0));
}

TEST(TokenBucket, ARefilledBucketIsFull) {
  TokenBucket bucket(100, 10);
  bucket.Charge(1000, kStart);
  bucket.Refill();
  EXPECT_EQ(TakeAll(bucket, kStart, 1000), 10U);
}

TEST(TokenBucket, RejectedRequestTakesNothing) {
  TokenBucket bucket(100, 10);
  ASSERT_TRUE(bucket.TryTake(5, kStart).admitted);
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(bucket.TryTake(6, kStart).admitted);
  EXPECT_EQ(TakeAll(bucket, kStart, 1000), 5U);
}

TEST(TokenBucket, PeekTakesNothingAndSaysWhatTryTakeWould) {
  TokenBucket bucket(100, 10);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(bucket.Peek(kStart).admitted);
  EXPECT_EQ(TakeAll(bucket, kStart, 1000), 10U);
  const auto peeked = bucket.Peek(kStart);
  const auto tried = bucket.TryTake(1, kStart);
  EXPECT_EQ(peeked.admitted, tried.admitted);
  EXPECT_EQ(peeked.retry_after, tried.retry_after);
  EXPECT_EQ(peeked.remaining, tried.remaining);
}

// Tokens can't be returned: a batch that is admitted but then finds the journal full has used its tokens.
TEST(TokenBucket, AdmittedTokensAreGone) {
  TokenBucket bucket(1, 10);
  ASSERT_TRUE(bucket.TryTake(10, kStart).admitted);
  EXPECT_FALSE(bucket.TryTake(1, kStart + milliseconds(999)).admitted);
  EXPECT_TRUE(bucket.TryTake(1, kStart + seconds(1)).admitted);
}

TEST(TokenBucket, RemainingCountsDown) {
  TokenBucket bucket(10, 100);
  EXPECT_NEAR(bucket.TryTake(30, kStart).remaining, 70, 1e-6);
  EXPECT_NEAR(bucket.TryTake(70, kStart).remaining, 0, 1e-6);
  EXPECT_NEAR(bucket.TryTake(60, kStart + seconds(5)).remaining, 50, 1e-6)
      << "a rejected request reports the tokens that are left";
}

TEST(TokenBucket, RetryAfterIsExactToTheMicrosecond) {
  const uint64_t seed = support::SeedOr(1);
  support::Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed << " round " << round);
    const double rate =
        std::pow(10, static_cast<double>(random.Below(7'000)) / 1000 - 1);  // 0.1 to 1e6 a second
    // A bucket that fills within ten days: beyond a hundred days, a double can't represent single
    // nanoseconds.
    const auto burst =
        static_cast<double>(random.Between(1, static_cast<uint64_t>(std::min(1e6, rate * 864'000))));
    const uint64_t tokens = random.Between(1, 20'000);
    const auto scenario = [&](base::Duration later) {
      TokenBucket bucket(rate, burst);
      bucket.TryTake(static_cast<uint64_t>(burst) * 3 / 2 + 1, kStart);
      const auto rejected = bucket.TryTake(tokens, kStart);
      EXPECT_FALSE(rejected.admitted);
      return bucket.TryTake(tokens, kStart + rejected.retry_after + later).admitted;
    };
    ASSERT_TRUE(scenario(nanoseconds(0)));
    ASSERT_FALSE(scenario(-microseconds(1)));
  }
}

TEST(TokenBucket, RateZeroMeansNoLimit) {
  TokenBucket bucket(0, 5);
  EXPECT_TRUE(bucket.Unlimited());
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(bucket.TryTake(1'000'000'000, kStart).admitted);
  EXPECT_TRUE(bucket.Peek(kStart).admitted);
}

TEST(TokenBucket, BurstBelowOneIsOne) {
  TokenBucket bucket(1, 0);
  EXPECT_EQ(bucket.Burst(), 1);
  EXPECT_TRUE(bucket.TryTake(1, kStart).admitted);
  EXPECT_FALSE(bucket.TryTake(1, kStart).admitted);
  EXPECT_TRUE(bucket.TryTake(1, kStart + seconds(1)).admitted);
}

TEST(TokenBucket, TimeRunningBackwardsCostsNoTokensAndGivesNone) {
  TokenBucket bucket(100, 10);
  ASSERT_EQ(TakeAll(bucket, kStart, 5), 5U);
  EXPECT_EQ(TakeAll(bucket, kStart - milliseconds(10), 1000), 4U)
      << "one token is not available yet at this time";
  EXPECT_EQ(TakeAll(bucket, kStart, 1000), 1U);
  EXPECT_EQ(TakeAll(bucket, kStart + milliseconds(50), 1000), 5U);
}

// Tests rates over the range that the settings allow, with single tokens. The nanoseconds per token are
// rarely a whole number.
TEST(TokenBucket, NeverAdmitsMoreThanRateTimesTimePlusBurst) {
  for (const double rate :
       {0.3, 7.0, 3'333.0, 150'000.0, 600'000.0, 3'000'000.0, 70'000'000.0, 700'000'000.0}) {
    TokenBucket bucket(rate, 100);
    const auto step = nanoseconds(static_cast<int64_t>(std::max(1.0, 1e9 / rate / 3)));
    base::SteadyTime now = kStart;
    uint64_t taken = TakeAll(bucket, now, 1'000'000);
    for (int i = 0; i < 200'000; ++i) {
      now += step;
      taken += TakeAll(bucket, now, 1'000'000);
    }
    const double elapsed = std::chrono::duration<double>(now - kStart).count();
    EXPECT_LE(static_cast<double>(taken), std::floor(rate * elapsed + 100 + 1)) << "rate " << rate;
    EXPECT_GE(static_cast<double>(taken), rate * elapsed * 0.5) << "rate " << rate;
  }
}

TEST(TokenBucket, UsualRatesAreReachedToAThousandth) {
  for (const double rate : {1.0, 1'000.0, 5'000.0, 200'000.0, 1'000'000.0}) {
    TokenBucket bucket(rate, 10);
    base::SteadyTime now = kStart;
    TakeAll(bucket, now, 100);
    uint64_t taken = 0;
    for (int i = 0; i < 100'000; ++i) {
      now += nanoseconds(static_cast<int64_t>(1e9 / rate));
      taken += TakeAll(bucket, now, 100);
    }
    EXPECT_NEAR(static_cast<double>(taken), 100'000, 100) << "rate " << rate;
  }
}

TEST(TokenBucket, SlowestRateAndLargestBatchDontOverflow) {
  TokenBucket bucket(1e-6, 1);
  ASSERT_TRUE(bucket.TryTake(1'000'000, kStart).admitted);
  for (const auto later : {seconds(0), seconds(3600), seconds(1'000'000)}) {
    const auto decision = bucket.TryTake(1, kStart + later);
    EXPECT_FALSE(decision.admitted);
    EXPECT_GT(decision.retry_after, seconds(0));
  }
}

TEST(TokenBucket, ConcurrentTakersTogetherStayWithinTheRate) {
  constexpr double kRate = 100'000;
  constexpr double kBurst = 1'000;
  TokenBucket bucket(kRate, kBurst);
  std::atomic<int64_t> nanos{0};
  std::atomic<uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20'000; ++i) {
        const auto now = kStart + nanoseconds(nanos.fetch_add(1'000));
        const uint64_t tokens = static_cast<uint64_t>(t + 1);
        if (bucket.TryTake(tokens, now).admitted) taken += tokens;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const double elapsed = static_cast<double>(nanos.load()) / 1e9;
  EXPECT_LE(static_cast<double>(taken.load()), kRate * elapsed + kBurst);
  EXPECT_GE(static_cast<double>(taken.load()), (kRate * elapsed + kBurst) * 0.99);
}

}  // namespace
}  // namespace ei
