#include "adapters/kafka/native/rejected_records.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::kafka::native {
namespace {

using std::chrono::seconds;
using Tokens = std::vector<uint64_t>;

constexpr base::Duration kTick{1};

class RejectedRecordsTest : public ::testing::Test, protected TopicQueueListener {
 protected:
  struct Undeliverable {
    Tokens tokens;
    std::string code;
    std::vector<std::string> reasons;
    uint32_t attempts = 0;
  };
  void OnUndeliverable(const std::string& topic, const Batch& records, std::string_view code,
                       std::span<const std::string> reasons, uint32_t attempts) override {
    EXPECT_EQ(topic, "t");
    undeliverable_.push_back({records.tokens, std::string(code), {reasons.begin(), reasons.end()}, attempts});
  }
  void OnTopicFault(std::string_view code, const std::string& topic, std::string_view detail) override {
    faults_.push_back(std::string(code) + ' ' + topic + ' ' + std::string(detail));
  }

  static std::unique_ptr<Batch> Of(const Tokens& tokens, std::optional<std::string_view> key = "k",
                                   bool dead_letters = false) {
    auto batch = std::make_unique<Batch>(0, dead_letters);
    for (const uint64_t token : tokens) {
      batch->records.Append(key, "value", {});
      batch->tokens.push_back(token);
    }
    return batch;
  }
  bool Add(std::unique_ptr<Batch> batch, std::string_view code = "invalid_record") {
    const std::vector<std::string> reasons(batch->tokens.size(), "why");
    return rejected_.Add(std::move(batch), code, reasons, {1, 4}, now_);
  }
  // The topic accepts a batch that was sent at this time.
  void Accept(base::SteadyTime sent_at, const Tokens& tokens = {99}) {
    const auto batch = Of(tokens);
    batch->sent_at = sent_at;
    rejected_.OnDelivered(*batch);
  }
  // The tokens of the records to be sent again.
  std::vector<Tokens> Turn() {
    std::vector<Tokens> due;
    for (const RejectedRecords::Retry& retry : rejected_.Turn(now_)) {
      EXPECT_EQ(retry.place.partition, 1);
      EXPECT_EQ(retry.place.partitions, 4U);
      EXPECT_TRUE(retry.records->sealed);
      due.push_back(retry.records->tokens);
    }
    return due;
  }
  base::Duration DelayAfter(uint32_t failures) const {
    std::mt19937_64 same = random_;
    return policy_.Delay(failures, same());
  }

  const RetryPolicy policy_{std::chrono::milliseconds(100), seconds(10), 1};
  std::mt19937_64 random_{1};
  base::SteadyTime now_{seconds(1'000)};
  RejectedRecords rejected_{"t", policy_, *this, random_};
  std::vector<Undeliverable> undeliverable_;
  std::vector<std::string> faults_;
};

TEST_F(RejectedRecordsTest, WhatNeedsNoProofIsUndeliverableAtOnce) {
  EXPECT_FALSE(Add(Of({1}), "message_too_large"));
  EXPECT_FALSE(Add(Of({2}, "k", /*dead_letters=*/true)));
  rejected_.SetCompacted(true);
  EXPECT_FALSE(Add(Of({3, 4}, std::nullopt)));
  EXPECT_TRUE(rejected_.Empty());
  ASSERT_EQ(undeliverable_.size(), 3U);
  EXPECT_EQ(undeliverable_[0].code, "message_too_large");
  EXPECT_EQ(undeliverable_[2].tokens, (Tokens{3, 4}));
  EXPECT_EQ(undeliverable_[2].reasons, std::vector<std::string>{"why"}) << "once, as they are equal";
  EXPECT_EQ(undeliverable_[2].attempts, 1U);
  EXPECT_TRUE(Add(Of({5}))) << "it has a key";
}

TEST_F(RejectedRecordsTest, EachRecordHasItsReason) {
  rejected_.GiveUp(*Of({1, 2}), "c", std::vector<std::string>{"a", "b"});
  const std::vector<std::string> reasons{"a", "b"};
  EXPECT_FALSE(rejected_.Add(Of({1, 2}), "message_too_large", reasons, {1, 4}, now_));
  EXPECT_EQ(undeliverable_[0].reasons, reasons);
  EXPECT_EQ(undeliverable_[1].reasons, reasons);
}

TEST_F(RejectedRecordsTest, ARecordIsRetriedOnceOthersWereAcceptedAndThenGivenUp) {
  const base::Duration pause = DelayAfter(1);
  ASSERT_TRUE(Add(Of({1})));
  EXPECT_TRUE(Turn().empty());
  EXPECT_EQ(rejected_.NextTurn(), now_ + RejectedRecords::kSuspectAfter);
  Accept(now_);
  EXPECT_TRUE(Turn().empty());
  EXPECT_FALSE(rejected_.Empty()) << "what was accepted was not sent after it";
  Accept(now_ + kTick);
  EXPECT_TRUE(Turn().empty());
  EXPECT_TRUE(rejected_.Empty());
  EXPECT_EQ(rejected_.NextTurn(), now_ + pause);
  now_ += pause;
  EXPECT_EQ(Turn(), std::vector<Tokens>{{1}});
  EXPECT_EQ(rejected_.NextTurn(), base::SteadyTime::max());

  ASSERT_TRUE(Add(Of({1})));
  Accept(now_ + kTick);
  EXPECT_TRUE(Turn().empty());
  ASSERT_EQ(undeliverable_.size(), 1U);
  EXPECT_EQ(undeliverable_[0].tokens, Tokens{1});
  EXPECT_EQ(undeliverable_[0].code, "invalid_record");
  EXPECT_EQ(undeliverable_[0].attempts, 2U);
  EXPECT_TRUE(faults_.empty());
  ASSERT_TRUE(Add(Of({1})));
  Accept(now_ + 2 * kTick);
  Turn();
  EXPECT_EQ(undeliverable_.size(), 1U) << "its tries are counted from the beginning";
}

TEST_F(RejectedRecordsTest, ABatchWithNewRecordsIsRetriedAgain) {
  ASSERT_TRUE(Add(Of({1})));
  Accept(now_ + kTick);
  now_ += seconds(1);
  ASSERT_EQ(Turn(), std::vector<Tokens>{{1}});
  ASSERT_TRUE(Add(Of({1, 2})));
  Accept(now_ + kTick);
  Turn();
  EXPECT_TRUE(undeliverable_.empty());
}

TEST_F(RejectedRecordsTest, ARecordThatIsAcceptedHasNoTriesLeftBehind) {
  ASSERT_TRUE(Add(Of({1})));
  Accept(now_ + kTick);
  now_ += seconds(1);
  ASSERT_EQ(Turn(), std::vector<Tokens>{{1}});
  Accept(now_, {1});
  ASSERT_TRUE(Add(Of({1})));
  Accept(now_ + kTick);
  Turn();
  EXPECT_TRUE(undeliverable_.empty());
}

TEST_F(RejectedRecordsTest, ABatchInDoubtProvesNothing) {
  ASSERT_TRUE(Add(Of({1})));
  const auto batch = Of({2});
  batch->sent_at = now_ + kTick;
  batch->in_doubt = true;
  rejected_.OnDelivered(*batch);
  Turn();
  EXPECT_FALSE(rejected_.Empty());
}

TEST_F(RejectedRecordsTest, ATopicThatAcceptsNothingIsSuspected) {
  ASSERT_TRUE(Add(Of({1})));
  ASSERT_TRUE(Add(Of({2})));
  ASSERT_TRUE(Add(Of({3})));
  now_ += RejectedRecords::kSuspectAfter - kTick;
  EXPECT_TRUE(Turn().empty());
  EXPECT_TRUE(faults_.empty());
  now_ += kTick;
  base::Duration pause = DelayAfter(1);
  EXPECT_EQ(Turn(), std::vector<Tokens>{{1}}) << "one is tried";
  EXPECT_EQ(faults_, std::vector<std::string>{"all_refused t why"});
  EXPECT_EQ(rejected_.NextTurn(), now_ + pause);
  now_ += pause - kTick;
  EXPECT_TRUE(Turn().empty());
  now_ += kTick;
  pause = DelayAfter(2);
  EXPECT_EQ(Turn(), std::vector<Tokens>{{2}});
  EXPECT_EQ(rejected_.NextTurn(), now_ + pause) << "more rarely";
  EXPECT_EQ(faults_.size(), 1U);
  ASSERT_TRUE(Add(Of({1})));
  ASSERT_TRUE(Add(Of({2})));

  now_ += kTick;
  Accept(now_);
  const auto due = Turn();
  EXPECT_EQ(due, (std::vector<Tokens>{{3}, {1}, {2}})) << "all, now that it accepts some";
  EXPECT_TRUE(undeliverable_.empty());
  for (const Tokens& tokens : due) ASSERT_TRUE(Add(Of(tokens)));
  Accept(now_ + kTick);
  Turn();
  ASSERT_EQ(undeliverable_.size(), 3U) << "they are at fault themselves";
  for (const Undeliverable& one : undeliverable_) EXPECT_EQ(one.attempts, 2U);
}

TEST_F(RejectedRecordsTest, RecordsWithoutKeysAreAtFaultOnceTheTopicIsKnownToBeCompacted) {
  ASSERT_TRUE(Add(Of({1}, std::nullopt)));
  ASSERT_TRUE(Add(Of({2})));
  rejected_.SetCompacted(false);
  EXPECT_TRUE(undeliverable_.empty());
  rejected_.SetCompacted(true);
  ASSERT_EQ(undeliverable_.size(), 1U);
  EXPECT_EQ(undeliverable_[0].tokens, Tokens{1});
  EXPECT_FALSE(rejected_.Empty());
  now_ += RejectedRecords::kSuspectAfter;
  EXPECT_EQ(Turn(), std::vector<Tokens>{{2}});
}

TEST_F(RejectedRecordsTest, ATopicIsNotSuspectedAnyMoreIfAllThatItRejectedHadNoKey) {
  ASSERT_TRUE(Add(Of({1}, std::nullopt)));
  ASSERT_TRUE(Add(Of({2}, std::nullopt)));
  now_ += RejectedRecords::kSuspectAfter;
  EXPECT_EQ(Turn().size(), 1U);
  rejected_.SetCompacted(true);
  EXPECT_TRUE(rejected_.Empty());
  ASSERT_TRUE(Add(Of({3})));
  EXPECT_TRUE(Turn().empty());
  EXPECT_EQ(rejected_.NextTurn(), now_ + RejectedRecords::kSuspectAfter);
}

}  // namespace
}  // namespace ei::kafka::native
