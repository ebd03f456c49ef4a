// Tests how clients share the rate, in virtual time.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/ingest.h"
#include "journal/memory_journal.h"
#include "support/events.h"
#include "support/recording_telemetry.h"
#include "support/taken_events.h"
#include "support/virtual_clock.h"

namespace ei {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class IngestShares : public ::testing::Test {
 protected:
  IngestShares() {
    journal_.OnLaneFilled([](size_t) {});
  }

  void Open(double rate, double burst, ClientShares::Options options = {}) {
    options.rate = rate;
    options.burst = burst;
    shares_ = std::make_unique<ClientShares>(options);
    bucket_ = std::make_unique<TokenBucket>(rate, burst);
    ingest_ = std::make_unique<Ingest>(Ingest::Options{}, *bucket_, journal_, drain_rate_, topic_limits_,
                                       clock_, telemetry_, nullptr, nullptr, shares_.get());
  }

  ClientShares::ClientHandle Enter(std::string_view identity) {
    return shares_->Enter(identity, clock_.Now());
  }

  // Sends one request as the server does, first its header, then its body. Returns whether it was accepted;
  // if so, all of its events are delivered at once.
  bool Send(const ClientShares::ClientHandle& client, size_t events) {
    result_ = ingest_->Admit(AckLevel::kMemory, {.number = client.Client()}, 100 * events, clock_.Now());
    if (result_.status != IngestStatus::kAccepted) return false;
    const std::vector<DecodedEvent> decoded(events, support::EventWithId(R"({"id":"1"})", "1"));
    result_ = ingest_->Accept(decoded, {}, {.number = client.Client()}, Handling::kLenient, AckLevel::kMemory,
                              submission_);
    if (result_.status != IngestStatus::kAccepted) return false;
    accepted_ += events;
    support::Settle(journal_, support::Take(journal_, 0, events));
    return true;
  }

  // Sends `requests` requests of one event, ten per second, which is below an eighth of 100. Returns the
  // number of rejected ones.
  int RejectedOf(int requests, const ClientShares::ClientHandle& client) {
    int rejected = 0;
    for (; requests > 0; --requests) {
      clock_.Advance(milliseconds(100));
      rejected += Send(client, 1) ? 0 : 1;
    }
    return rejected;
  }

  uint64_t Decoded() const { return telemetry_.Read().received; }

  double Seconds() const { return std::chrono::duration<double>(clock_.Now() - start_).count(); }

  support::VirtualClock clock_;
  const base::SteadyTime start_ = clock_.Now();
  support::RecordingTelemetry telemetry_;
  DrainRate drain_rate_;
  TopicLimits topic_limits_;
  std::unique_ptr<ClientShares> shares_;
  std::unique_ptr<TokenBucket> bucket_;
  MemoryJournal journal_{{.events_max = 100'000, .bytes_max = 256 << 20, .lanes = 1}};
  std::unique_ptr<Ingest> ingest_;
  IngestContext submission_{1};
  IngestResult result_{};
  uint64_t accepted_ = 0;
};

TEST_F(IngestShares, ABatchBeyondTheBurstIsTheDebtOfItsClientOnly) {
  Open(100, 200);
  const auto large = Enter("large");
  const auto small = Enter("small");
  ASSERT_TRUE(Send(small, 1));
  clock_.Advance(seconds(10));
  ASSERT_TRUE(Send(large, 10'000)) << "the bucket is full";
  EXPECT_FALSE(Send(large, 1));
  EXPECT_EQ(result_.status, IngestStatus::kRateLimited);
  EXPECT_TRUE(result_.over_share);
  EXPECT_LE(RejectedOf(1'000, small), 10) << "while the debt lasts";
}

TEST_F(IngestShares, ARejectionBeforeTheBodySaysWhetherTheClientIsOverItsShare) {
  Open(100, 200);
  const auto large = Enter("large");
  ASSERT_TRUE(Send(large, 1'000));
  const auto admit = [&](const ClientShares::ClientHandle& client) {
    return ingest_->Admit(AckLevel::kMemory, {.number = client.Client()}, 0, clock_.Now());
  };
  const IngestResult alone = admit(large);
  EXPECT_EQ(alone.status, IngestStatus::kRateLimited);
  EXPECT_FALSE(alone.over_share) << "there is nobody to share with";
  const auto small = Enter("small");
  EXPECT_EQ(admit(small).status, IngestStatus::kAccepted) << "the reserve is for it";
  const IngestResult contended = admit(large);
  EXPECT_EQ(contended.status, IngestStatus::kRateLimited);
  EXPECT_TRUE(contended.over_share);
}

TEST_F(IngestShares, EachPartOfTheJournalIsShared) {
  for (const Shared scarce : {Shared::kJournalEvents, Shared::kJournalBytes}) {
    ClientShares::Options options;
    options.capacities[static_cast<size_t>(scarce)] = 800;
    Open(0, 1, options);
    const auto flood = Enter("flood");
    const auto small = Enter("small");
    ASSERT_TRUE(Send(small, 1));
    ASSERT_TRUE(Send(flood, 1));
    shares_->Take(flood.Client(), scarce, 699);
    EXPECT_FALSE(Send(flood, 2));
    EXPECT_EQ(result_.status, IngestStatus::kOverShare);
    EXPECT_TRUE(result_.over_share);
    EXPECT_GE(result_.retry_after, seconds(1));
    shares_->Give(flood.Client(), scarce, 699);
    const std::vector<DecodedEvent> many(701, support::EventWithId(R"({"id":"1"})", "1"));
    result_ = ingest_->Accept(many, {}, {.number = flood.Client()}, Handling::kLenient, AckLevel::kMemory,
                              submission_);
    EXPECT_EQ(result_.status, IngestStatus::kBatchTooLarge) << "no share is large enough";
    EXPECT_FALSE(result_.over_share);
  }
}

TEST_F(IngestShares, WhatRequestsWaitForIsShared) {
  ClientShares::Options options;
  options.capacities[static_cast<size_t>(Shared::kAwaitedEvents)] = 80;
  Open(0, 1, options);
  const auto flood = Enter("flood");
  const auto small = Enter("small");
  ASSERT_TRUE(Send(small, 1));
  ASSERT_TRUE(Send(flood, 1));
  shares_->Take(flood.Client(), Shared::kAwaitedEvents, 70);
  const auto admit = [&](AckLevel ack, const ClientShares::ClientHandle& client) {
    return ingest_->Admit(ack, {.number = client.Client()}, 0, clock_.Now()).status;
  };
  EXPECT_EQ(admit(AckLevel::kBroker, flood), IngestStatus::kOverShare);
  EXPECT_EQ(admit(AckLevel::kMemory, flood), IngestStatus::kAccepted) << "it waits for nothing";
  EXPECT_EQ(admit(AckLevel::kBroker, small), IngestStatus::kAccepted);
}

TEST_F(IngestShares, AClientThatConnectsDuringADebtIsAdmitted) {
  Open(100, 200);
  const auto large = Enter("large");
  ASSERT_TRUE(Send(large, 10'000));
  clock_.Advance(seconds(1));
  EXPECT_LE(RejectedOf(1'000, Enter("small")), 10);
}

TEST_F(IngestShares, AClientAloneMaySendALargeBatchNowAndThen) {
  Open(100, 200);
  const auto alone = Enter("alone");
  ASSERT_TRUE(Send(alone, 10'000));
  EXPECT_FALSE(Send(alone, 1));
  EXPECT_FALSE(result_.over_share);
  EXPECT_EQ(result_.retry_after, seconds(99));
  clock_.Advance(seconds(101));
  EXPECT_TRUE(Send(alone, 10'000));
}

TEST_F(IngestShares, WithASmallClientALargeBatchIsNotRejectedForever) {
  Open(100, 200);
  const auto large = Enter("large");
  const auto small = Enter("small");
  int batches = 0;
  int rejected = 0;
  for (int i = 0; i < 1'000; ++i) {
    rejected += RejectedOf(9, small);
    clock_.Advance(milliseconds(100));
    batches += Send(large, 10'000) ? 1 : 0;
  }
  EXPECT_LE(rejected, 100);
  EXPECT_GE(batches, 9) << "1,000 seconds suffice for ten batches, less the events of the small client";
}

TEST_F(IngestShares, ABatchThatIsRejectedAfterDecodingDelaysItsClient) {
  Open(1'000, 1'000);
  const auto large = Enter("large");
  const auto small = Enter("small");
  ASSERT_TRUE(Send(small, 1));
  ASSERT_TRUE(Send(large, 600));
  ASSERT_FALSE(Send(large, 500));
  const uint64_t decoded = Decoded();
  EXPECT_EQ(decoded, 1'101U);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(Send(large, 500));
    EXPECT_FALSE(Send(large, 1)) << "rejected unread, although there are tokens for it";
    EXPECT_EQ(result_.status, IngestStatus::kRateLimited);
    EXPECT_EQ(result_.retry_after, seconds(1));
    clock_.Advance(milliseconds(99));
  }
  EXPECT_EQ(Decoded(), decoded);
  EXPECT_TRUE(Send(small, 1)) << "other clients are not delayed";
  clock_.Advance(milliseconds(5));
  EXPECT_TRUE(Send(large, 500)) << "the delay is over: 500 events at the rate";
}

TEST_F(IngestShares, AClientThatHonoursRetryAfterIsReadAgain) {
  Open(100, 200);
  const auto client = Enter("client");
  ASSERT_TRUE(Send(client, 200));
  clock_.Advance(milliseconds(10));
  ASSERT_FALSE(Send(client, 10'000));
  EXPECT_GE(result_.retry_after, seconds(1));
  clock_.Advance(seconds(1));
  EXPECT_TRUE(Send(client, 100)) << "although the rejected events would take 100 s at the rate";
}

TEST_F(IngestShares, WhatAFloodHasDecodedIsBoundedByTheRate) {
  Open(1'000, 2'000);
  const auto flood = Enter("flood");
  const auto small = Enter("small");
  for (int i = 0; i < 10'000; ++i) {
    clock_.Advance(milliseconds(1));
    Send(flood, 500);
    if (i % 100 == 0) Send(small, 1);
  }
  EXPECT_GE(static_cast<double>(accepted_), 0.95 * 1'000 * Seconds()) << "nothing of the rate is wasted";
  EXPECT_LE(static_cast<double>(Decoded() - accepted_), 1'000 * Seconds());
}

// A flood that ignores Retry-After, large batches, and clients below an eighth of the rate.
TEST_F(IngestShares, AllClientsTogetherKeepToTheRateAndSmallOnesGetTheirShare) {
  Open(1'000, 2'000);
  const auto flood = Enter("flood");
  const auto batches = Enter("batches");
  std::vector<ClientShares::ClientHandle> small;
  for (const std::string_view name : {"a", "b", "c"}) small.push_back(Enter(name));
  uint64_t sent = 0;
  uint64_t rejected = 0;
  double most = 0;  // largest number of events beyond the rate
  for (int i = 0; i < 20'000; ++i) {
    clock_.Advance(milliseconds(1));
    for (int request = 0; request < 5; ++request) Send(flood, 1);
    if (i % 50 == 0) Send(batches, 3'000);
    if (i % 10 == 0) {
      for (const auto& client : small) {
        ++sent;
        rejected += Send(client, 1) ? 0 : 1;
      }
    }
    most = std::max(most, static_cast<double>(accepted_) - 1'000 * Seconds());
  }
  EXPECT_LE(rejected * 100, sent);
  EXPECT_LE(most, 2'000 + 3'000) << "the burst plus one batch";
  EXPECT_GE(static_cast<double>(accepted_), 0.99 * 1'000 * Seconds()) << "nothing of the rate is wasted";
}

}  // namespace
}  // namespace ei
