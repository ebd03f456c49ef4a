#include "adapters/kafka/native/partition.h"

#include <gtest/gtest.h>

namespace ei::kafka::native {
namespace {

using wire::ErrorCode;
using wire::PartitionProduced;

// Rare cases; everything else is in tests/simulation/kafka_partition_test.cc.
class PartitionTest : public ::testing::Test, protected PartitionListener {
 protected:
  PartitionTest() {
    partition_.OnProducerId({7, 0});
    partition_.OnLeader(1, 1, kTopicId, now_);
  }

  void OnDelivered(const Partition&, const Batch& batch, int64_t base_offset, bool repeat) override {
    delivered_.emplace_back(batch.tokens.front(), base_offset);
    if (repeat) repeats_.push_back(batch.tokens.front());
  }
  void OnRejected(const Partition&, std::unique_ptr<Batch> rejected, std::string_view code,
                  std::span<const std::string> reasons) override {
    for (const uint64_t token : rejected->tokens) rejected_.emplace_back(token, code);
    reason_ = reasons.front();
  }
  void OnRetried(uint32_t records) override { retried_ += records; }
  void OnPartitionFault(const Partition&, std::string_view code, std::string_view reason) override {
    fault_ = std::string(code) + ": " + std::string(reason);
  }
  void OnNumbered(const Partition&, const Batch& batch) override {
    numbered_.push_back({batch.tokens, batch.stamp});
  }
  void OnNumbersVoid(const Partition&, const Batch& batch) override { void_.push_back(batch.tokens); }
  void OnPossibleRepeats(uint32_t records) override { possible_repeats_ += records; }

  // Adds records in a separate batch.
  Batch* Add(uint64_t token, int records = 1, bool dead_letters = false) {
    Batch& batch = partition_.Queue().Open(1, 0, dead_letters, codec_, now_, 0);
    for (int i = 0; i < records; ++i) {
      batch.records.Append(std::nullopt, "value", {});
      batch.tokens.push_back(token + static_cast<uint64_t>(i));
      if (!dead_letters) ei::AppendRun(batch.runs, {now_, 0, 1, 10});
    }
    return &batch;
  }
  Batch* Next() {
    now_ += std::chrono::minutes(1);
    return partition_.NextBatch(now_, now_ms_);
  }
  void Answer(Batch* batch, const PartitionProduced& answer, uint64_t random = 0) {
    partition_.OnAnswer(*batch, answer, 11, now_, 0, random);
  }
  void Take(Batch* batch, int64_t base_offset) {
    PartitionProduced answer;
    answer.base_offset = base_offset;
    Answer(batch, answer);
  }
  // Records that a previous run sent with producer id 5 and epoch 2, from this sequence number on.
  Batch& Resume(int32_t sequence, const std::vector<uint64_t>& tokens) {
    return partition_.Resume({5, 2, sequence}, kTopicId, tokens, now_, 0);
  }
  void AddResumed(Batch& batch) {
    batch.records.Append(std::nullopt, "value", {});
    ei::AppendRun(batch.runs, {now_, 0, 1, 10});
    partition_.NoteResumed();
  }
  static PartitionProduced Error(ErrorCode error) {
    PartitionProduced answer;
    answer.error = error;
    return answer;
  }

  struct Numbered {
    std::vector<uint64_t> tokens;
    wire::ProducerStamp stamp;
  };

  static constexpr wire::TopicId kTopicId = {1, 1};
  base::SteadyTime now_{std::chrono::hours(1)};
  int64_t now_ms_ = 0;
  Partition partition_{"t", 0, {}, *this};
  std::vector<std::pair<uint64_t, int64_t>> delivered_;
  std::vector<uint64_t> repeats_;
  std::vector<std::pair<uint64_t, std::string_view>> rejected_;
  std::string reason_;
  std::string fault_;
  uint64_t possible_repeats_ = 0;
  std::vector<Numbered> numbered_;
  std::vector<std::vector<uint64_t>> void_;
  uint64_t retried_ = 0;
  wire::Codec codec_ = wire::Codec::kNone;
};

// A leader that didn't know the producer accepted the second batch as its first.
TEST_F(PartitionTest, ABatchThatWasRejectedEachTimeIsInNoLog) {
  Add(1);
  Take(Next(), 0);
  Add(2);
  Add(3);
  Batch* const refused = partition_.NextBatch(now_, now_ms_);
  Batch* const taken = partition_.NextBatch(now_, now_ms_);
  ASSERT_NE(taken, nullptr);
  Answer(refused, Error(ErrorCode::kNotEnoughReplicas));
  Take(taken, 1);
  for (uint32_t i = 0; i < Partition::kSequenceFailuresMax; ++i) {
    Batch* const again = Next();
    ASSERT_EQ(again, refused);
    Answer(again, Error(ErrorCode::kOutOfOrderSequenceNumber));
  }
  ASSERT_TRUE(partition_.Wanted().last_sequence);
  partition_.OnLastSequence(wire::ProducerState{7, 0, 2}, now_);
  EXPECT_FALSE(partition_.Wanted().topic_id);
  EXPECT_EQ(delivered_.size(), 2U);
  Batch* const anew = Next();
  ASSERT_EQ(anew, refused);
  EXPECT_EQ(anew->stamp.epoch, 1);
  Take(anew, 2);
  EXPECT_EQ(delivered_.back(), (std::pair<uint64_t, int64_t>(2, 2)));
  EXPECT_EQ(possible_repeats_, 0U);
}

TEST_F(PartitionTest, TheLastBatchOfALeaderIsSentAgainBeforeAllAreDelivered) {
  Add(1);
  Take(Next(), 0);
  Add(2);
  Add(3);
  Batch* const first = partition_.NextBatch(now_, now_ms_);
  Batch* const second = partition_.NextBatch(now_, now_ms_);
  partition_.OnNoAnswer(*first, now_, 0);
  partition_.OnNoAnswer(*second, now_, 0);
  for (uint32_t i = 0; i < Partition::kSequenceFailuresMax; ++i) {
    ASSERT_EQ(Next(), first);
    EXPECT_EQ(partition_.NextBatch(now_, now_ms_), nullptr) << "alone, as the connection broke";
    Answer(first, Error(ErrorCode::kOutOfOrderSequenceNumber));
  }
  partition_.OnLastSequence(wire::ProducerState{7, 0, 2}, now_);
  partition_.OnTopicId(kTopicId, now_);
  EXPECT_EQ(delivered_.size(), 1U) << "it may not be replicated";
  ASSERT_EQ(Next(), second);
  Answer(second, Error(ErrorCode::kNotEnoughReplicas));
  ASSERT_EQ(Next(), second);
  PartitionProduced known;
  known.base_offset = 2;
  known.log_append_time_ms = 1;
  Answer(second, known);
  EXPECT_EQ(delivered_, (std::vector<std::pair<uint64_t, int64_t>>{{1, 0}, {2, -1}, {3, 2}}));
  EXPECT_EQ(repeats_, (std::vector<uint64_t>{2, 3}));
}

TEST_F(PartitionTest, ABatchInDoubtIsARepeatIfItsAnswerHasATime) {
  PartitionProduced timed;
  timed.log_append_time_ms = 0;
  Add(1);
  Answer(Next(), timed);
  EXPECT_TRUE(repeats_.empty()) << "it was sent once";
  for (const uint64_t token : {2U, 3U}) {
    Batch* const batch = Add(token);
    ASSERT_EQ(Next(), batch);
    partition_.OnNoAnswer(*batch, now_, 0);
    ASSERT_EQ(Next(), batch);
    Answer(batch, token == 2 ? PartitionProduced() : timed);
  }
  EXPECT_EQ(delivered_.size(), 3U);
  EXPECT_EQ(repeats_, std::vector<uint64_t>{3});
}

TEST_F(PartitionTest, ABatchThatTheBrokerCallsADuplicateIsDelivered) {
  Add(1);
  Answer(Next(), Error(ErrorCode::kDuplicateSequenceNumber));
  EXPECT_EQ(repeats_, std::vector<uint64_t>{1});
}

TEST_F(PartitionTest, ALeaderIsReplacedOnlyByAHintWithANewerEpoch) {
  PartitionProduced hint = Error(ErrorCode::kNotLeaderOrFollower);
  Add(1);
  for (const auto& [node, epoch] : {std::pair<int32_t, int32_t>{2, 1}, {2, 0}, {-1, 5}}) {
    hint.leader = {node, epoch};
    Answer(Next(), hint);
    EXPECT_EQ(partition_.Leader(), 1) << node << ' ' << epoch;
  }
  hint.leader = {0, 2};
  Answer(Next(), hint);
  EXPECT_EQ(partition_.Leader(), 0);
}

TEST_F(PartitionTest, ANewLeaderGetsOneBatchUntilItAcknowledges) {
  Add(1);
  Take(Next(), 0);
  Add(2);
  Add(3);
  partition_.OnLeader(1, 1, kTopicId, now_);
  EXPECT_TRUE(partition_.CanSend(now_));
  partition_.OnLeader(2, 2, kTopicId, now_);
  Batch* const first = Next();
  ASSERT_NE(first, nullptr);
  EXPECT_FALSE(partition_.CanSend(now_));
  Take(first, 1);
  EXPECT_TRUE(partition_.CanSend(now_));
}

TEST_F(PartitionTest, FiveBatchesAreOutAtMost) {
  Add(1);
  Take(Next(), 0);
  for (uint64_t token = 2; token < 9; ++token) Add(token);
  for (size_t out = 1; out <= Partition::kOutMax; ++out) {
    EXPECT_GT(partition_.NextBytes(), 0U);
    ASSERT_NE(partition_.NextBatch(now_, now_ms_), nullptr);
    EXPECT_EQ(partition_.Out(), out);
  }
  EXPECT_EQ(partition_.NextBatch(now_, now_ms_), nullptr);
}

TEST_F(PartitionTest, AfterALongPauseOneBatchIsSentFirst) {
  Add(1);
  Take(Next(), 0);
  Add(2);
  Add(3);
  now_ += Partition::Options().proof_lifetime - base::Duration(1);
  ASSERT_NE(partition_.NextBatch(now_, now_ms_), nullptr);
  EXPECT_TRUE(partition_.CanSend(now_));
  now_ += base::Duration(1);
  EXPECT_FALSE(partition_.CanSend(now_));
}

TEST_F(PartitionTest, PausesGrowUntilABatchIsAcknowledged) {
  const RetryPolicy retries = Partition::Options().retries;
  constexpr uint64_t kRandom = UINT64_MAX;
  for (const uint64_t token : {1U, 2U}) {
    Add(token);
    for (uint32_t failures = 1; failures <= 3; ++failures) {
      Answer(Next(), Error(ErrorCode::kNotEnoughReplicas), kRandom);
      EXPECT_EQ(partition_.Now(), Partition::State::kBackingOff);
      EXPECT_EQ(partition_.NotBefore(), now_ + retries.Delay(failures, kRandom));
      EXPECT_FALSE(partition_.CanSend(partition_.NotBefore() - base::Duration(1)));
      EXPECT_TRUE(partition_.CanSend(partition_.NotBefore()));
    }
    Take(Next(), 0);
  }
}

TEST_F(PartitionTest, ForABatchThatCantBeReadOneNewConnectionIsWanted) {
  for (const uint64_t token : {1U, 2U}) {
    Add(token);
    Answer(Next(), Error(ErrorCode::kCorruptMessage));
    EXPECT_TRUE(partition_.Wanted().new_connection);
    partition_.ClearNewConnection();
    Answer(Next(), Error(ErrorCode::kCorruptMessage));
    EXPECT_FALSE(partition_.Wanted().new_connection);
    Take(Next(), 0);
  }
}

TEST_F(PartitionTest, AWrongTimeIsReplacedByThatOfTheAnswer) {
  Batch* const batch = Add(1);
  ASSERT_EQ(Next(), batch);
  partition_.OnAnswer(*batch, Error(ErrorCode::kInvalidTimestamp), 11, now_, 1234, 0);
  EXPECT_EQ(batch->records.TimestampMs(), 1234);
  EXPECT_TRUE(fault_.starts_with("clock_refused: "));
}

TEST_F(PartitionTest, AProducerThatIsFencedTakesAnotherId) {
  Batch* const batch = Add(1);
  ASSERT_EQ(Next(), batch);
  Answer(batch, Error(ErrorCode::kProducerFenced));
  EXPECT_TRUE(partition_.Wanted().producer_id);
  now_ += std::chrono::hours(1);
  EXPECT_FALSE(partition_.CanSend(now_));
  partition_.OnProducerId({7, 0});
  EXPECT_FALSE(partition_.CanSend(now_)) << "the same again";
  partition_.OnProducerId({8, 3});
  EXPECT_FALSE(partition_.Wanted().producer_id);
  ASSERT_EQ(Next(), batch);
  EXPECT_EQ(batch->stamp.producer_id, 8);
  EXPECT_EQ(batch->stamp.epoch, 3);
  partition_.OnProducerId({9, 0});
  EXPECT_EQ(partition_.Producer().id, 8) << "another partition needed that";
}

// A leader that lost its state accepted it as a first batch.
TEST_F(PartitionTest, AnUnrecognizedLastBatchConfirmsOnlyItself) {
  Add(1);
  Take(Next(), 0);
  Add(2);
  Add(3);
  Batch* const first = partition_.NextBatch(now_, now_ms_);
  Batch* const second = partition_.NextBatch(now_, now_ms_);
  partition_.OnNoAnswer(*first, now_, 0);
  partition_.OnNoAnswer(*second, now_, 0);
  for (uint32_t i = 0; i < Partition::kSequenceFailuresMax; ++i) {
    Answer(Next(), Error(ErrorCode::kOutOfOrderSequenceNumber));
  }
  partition_.OnLastSequence(wire::ProducerState{7, 0, 2}, now_);
  partition_.OnTopicId(kTopicId, now_);
  ASSERT_EQ(Next(), second);
  Take(second, 1);
  EXPECT_EQ(delivered_.back(), (std::pair<uint64_t, int64_t>(3, 1)));
  EXPECT_EQ(delivered_.size(), 2U);
  ASSERT_EQ(Next(), first);
  EXPECT_EQ(first->stamp.epoch, 1);
  EXPECT_EQ(possible_repeats_, 1U);
}

TEST_F(PartitionTest, HalvesAreCompressedLikeTheWholeBatch) {
  codec_ = wire::Codec::kLz4;
  Batch* const whole = Add(1, 2);
  ASSERT_EQ(Next(), whole);
  Answer(whole, Error(ErrorCode::kMessageTooLarge));
  Batch* const half = Next();
  ASSERT_NE(half, nullptr);
  EXPECT_EQ(half->records.Count(), 1U);
  EXPECT_EQ(half->records.UsedCodec(), wire::Codec::kLz4);
}

TEST_F(PartitionTest, ADeadLetterIsRejectedWhereNothingMayBeWritten) {
  Batch* const event = Add(1);
  ASSERT_EQ(Next(), event);
  Answer(event, Error(ErrorCode::kTopicAuthorizationFailed));
  EXPECT_TRUE(rejected_.empty());
  Take(Next(), 0);
  Batch* const dead_letter = Add(2, 1, /*dead_letters=*/true);
  ASSERT_EQ(Next(), dead_letter);
  Answer(dead_letter, Error(ErrorCode::kTopicAuthorizationFailed));
  ASSERT_EQ(rejected_.size(), 1U);
  EXPECT_EQ(rejected_[0].second, "not_authorized");
}

TEST_F(PartitionTest, ABrokersWordsAreCutAndEachRecordIsNamedOnce) {
  const std::string long_words(1 << 20, 'x');
  Batch* const batch = Add(1);
  ASSERT_EQ(Next(), batch);
  PartitionProduced answer = Error(ErrorCode::kInvalidRecord);
  answer.error_message = long_words;
  answer.record_errors.assign(100'000, {0, {}});
  Answer(batch, answer);
  EXPECT_EQ(rejected_.size(), 1U);
  EXPECT_EQ(reason_.size(), ProduceError::kReasonBytesMax);
}

TEST_F(PartitionTest, AnErrorWithoutWordsIsReportedByItsNumber) {
  Add(1);
  Answer(Next(), Error(ErrorCode::kNotLeaderOrFollower));
  EXPECT_EQ(fault_, "kafka_unavailable: the broker answered with error 6");
}

TEST_F(PartitionTest, BatchesGivenBackLeaveNoGapInTheNumbers) {
  Add(1);
  Take(Next(), 0);
  Batch* const batch = Add(2);
  ASSERT_EQ(Next(), batch);
  Answer(batch, Error(ErrorCode::kUnknownTopicOrPartition));
  EXPECT_TRUE(partition_.Wanted().metadata);
  EXPECT_EQ(partition_.GiveBack().size(), 1U);
  Batch* const next = Add(3);
  ASSERT_EQ(Next(), next);
  EXPECT_EQ(next->stamp.epoch, 1);
  EXPECT_EQ(next->stamp.base_sequence, 0);
}

TEST_F(PartitionTest, ABatchThatIsSentAgainCountsAsRetried) {
  Batch* const batch = Add(1);
  EXPECT_EQ(Next(), batch);
  EXPECT_EQ(retried_, 0U);
  partition_.OnNoAnswer(*batch, now_, 0);
  EXPECT_EQ(Next(), batch);
  EXPECT_EQ(retried_, 1U);
}

TEST_F(PartitionTest, APartitionHeldBackWaitsUntilAllBatchesThatHoldItAreDone) {
  Partition other("t", 1, {}, *this);
  other.OnProducerId({7, 0});
  other.OnLeader(1, 1, kTopicId, now_);
  Batch* const older = Add(1);
  ASSERT_EQ(Next(), older);
  other.Queue().HoldBack(*older);
  other.Queue().HoldBack(*older);
  Batch& held = other.Queue().Open(10, 1000, false, codec_, now_, 0);
  held.records.Append(std::nullopt, "value", {});
  held.tokens.push_back(2);
  ei::AppendRun(held.runs, {now_, 0, 1, 10});
  EXPECT_FALSE(other.CanSend(now_));
  Answer(older, Error(ErrorCode::kNotEnoughReplicas));
  EXPECT_FALSE(other.CanSend(now_)) << "the batch is retried";
  Take(Next(), 0);
  EXPECT_TRUE(other.CanSend(now_));
}

TEST_F(PartitionTest, ASplitBatchHoldsBackWithBothHalves) {
  Partition other("t", 1, {}, *this);
  other.OnProducerId({7, 0});
  other.OnLeader(1, 1, kTopicId, now_);
  Batch* const whole = Add(1, 2);
  ASSERT_EQ(Next(), whole);
  other.Queue().HoldBack(*whole);
  Batch& held = other.Queue().Open(10, 1000, false, codec_, now_, 0);
  held.records.Append(std::nullopt, "value", {});
  held.tokens.push_back(3);
  ei::AppendRun(held.runs, {now_, 0, 1, 10});
  Answer(whole, Error(ErrorCode::kMessageTooLarge));
  Take(Next(), 0);
  EXPECT_FALSE(other.CanSend(now_));
  Take(Next(), 1);
  EXPECT_TRUE(other.CanSend(now_));
}

TEST_F(PartitionTest, ABatchThatHasWaitedForLongGetsANewTimestamp) {
  Batch* const batch = Add(1);
  now_ms_ = Partition::kTimestampLifetime.count();
  ASSERT_EQ(Next(), batch);
  EXPECT_EQ(batch->records.TimestampMs(), 0);
  partition_.OnNoAnswer(*batch, now_, 0);
  now_ms_ += 1;
  ASSERT_EQ(Next(), batch);
  EXPECT_EQ(batch->records.TimestampMs(), now_ms_);
}

// --- reports of sequence numbers

TEST_F(PartitionTest, ABatchIsReportedOnceItHasNumbers) {
  Add(1, 3);
  EXPECT_TRUE(numbered_.empty());
  Batch* const batch = Next();
  ASSERT_EQ(numbered_.size(), 1U);
  EXPECT_EQ(numbered_[0].tokens, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(numbered_[0].stamp.base_sequence, 0);
  partition_.OnNoAnswer(*batch, now_, 0);
  ASSERT_EQ(Next(), batch);
  EXPECT_EQ(numbered_.size(), 1U) << "the same numbers again";
}

TEST_F(PartitionTest, BothHalvesAreReportedBeforeOneIsSent) {
  Add(1, 4);
  Answer(Next(), Error(ErrorCode::kMessageTooLarge));
  ASSERT_EQ(numbered_.size(), 3U);
  EXPECT_EQ(numbered_[1].tokens, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(numbered_[1].stamp.base_sequence, 0);
  EXPECT_EQ(numbered_[2].tokens, (std::vector<uint64_t>{3, 4}));
  EXPECT_EQ(numbered_[2].stamp.base_sequence, 2);
}

TEST_F(PartitionTest, NumbersOfAnEarlierEpochAreVoid) {
  Add(1);
  Take(Next(), 0);
  Add(2, 2);
  Add(4);
  Batch* const first = partition_.NextBatch(now_, now_ms_);
  Batch* const second = partition_.NextBatch(now_, now_ms_);
  PartitionProduced rejected = Error(ErrorCode::kInvalidRecord);
  rejected.record_errors = {{0, "no"}};
  Answer(second, Error(ErrorCode::kOutOfOrderSequenceNumber));
  Answer(first, rejected);
  EXPECT_EQ(void_, (std::vector<std::vector<uint64_t>>{{2, 3}, {4}}));
  EXPECT_EQ(Next()->tokens, std::vector<uint64_t>{3});
  EXPECT_EQ(numbered_.back().stamp.epoch, 1);
}

// --- batches of a previous run of the process

TEST_F(PartitionTest, BatchesOfAPreviousRunAreSentFirstWithTheirNumbers) {
  Batch& first = Resume(10, {1, 2});
  Batch& second = Resume(12, {3});
  AddResumed(first);
  AddResumed(second);
  Add(4);
  EXPECT_EQ(Next(), nullptr) << "a record is still to come";
  AddResumed(first);
  Batch* const one = Next();
  ASSERT_EQ(one, &first);
  EXPECT_EQ(one->stamp.producer_id, 5);
  EXPECT_EQ(one->stamp.epoch, 2);
  EXPECT_EQ(one->stamp.base_sequence, 10);
  Take(one, 100);
  ASSERT_EQ(Next(), &second);
  EXPECT_EQ(second.stamp.base_sequence, 12);
  EXPECT_EQ(partition_.NextBatch(now_, now_ms_), nullptr) << "not with the previous run's numbers";
  EXPECT_TRUE(numbered_.empty());
  Take(&second, 102);
  EXPECT_EQ(Next()->stamp.producer_id, 7);
  EXPECT_EQ(numbered_.back().stamp.base_sequence, 0);
  EXPECT_EQ(possible_repeats_, 0U);
  EXPECT_TRUE(void_.empty());
}

TEST_F(PartitionTest, NumbersOfAPreviousRunMayBeginAgainAtZero) {
  Batch& last = Resume(INT32_MAX, {1});
  Batch& zero = Resume(0, {2});
  AddResumed(last);
  AddResumed(zero);
  ASSERT_EQ(Next(), &last);
  Take(&last, 100);
  ASSERT_EQ(Next(), &zero);
  EXPECT_EQ(zero.stamp.producer_id, 5);
  EXPECT_EQ(zero.stamp.base_sequence, 0);
}

TEST_F(PartitionTest, BatchesThatCanNotBeResumedAreSentWithOurOwnId) {
  Batch& first = Resume(10, {1, 2});
  Resume(12, {3, 4, 5});
  AddResumed(first);
  partition_.GiveUpResuming();
  EXPECT_EQ(possible_repeats_, 5U) << "also the records that are added later";
  EXPECT_EQ(void_, (std::vector<std::vector<uint64_t>>{{1, 2}, {3, 4, 5}}));
  EXPECT_EQ(partition_.Queue().Size(), 1U);
  Batch* const batch = Next();
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->tokens, std::vector<uint64_t>{1});
  EXPECT_EQ(batch->stamp.producer_id, 7);
}

TEST_F(PartitionTest, ARecreatedTopicGetsTheBatchesOfAPreviousRunAsNew) {
  Batch& batch = Resume(10, {1});
  partition_.OnLeader(1, 2, {2, 2}, now_);
  EXPECT_EQ(void_, (std::vector<std::vector<uint64_t>>{{1}}));
  EXPECT_EQ(Next(), nullptr) << "its record is still to come";
  AddResumed(batch);
  ASSERT_EQ(Next(), &batch);
  EXPECT_EQ(batch.stamp.producer_id, 7);
  EXPECT_EQ(batch.topic_id, (wire::TopicId{2, 2}));
}

}  // namespace
}  // namespace ei::kafka::native
