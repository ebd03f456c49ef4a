#include "adapters/kafka/native/produce_error.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ei::kafka::native {
namespace {

using wire::ErrorCode;
using Kind = ProduceError::Kind;

constexpr int16_t kVersion = 11;

Batch Of(int records, bool dead_letters = false) {
  Batch batch(0, dead_letters);
  for (int i = 0; i < records; ++i) {
    batch.records.Append(std::nullopt, "value", {});
    batch.tokens.push_back(static_cast<uint64_t>(i));
  }
  return batch;
}

wire::PartitionProduced Answer(ErrorCode error, std::string_view message = {}) {
  wire::PartitionProduced answer;
  answer.error = error;
  answer.error_message = message;
  return answer;
}

TEST(ProduceError, MostErrorsPass) {
  struct Row {
    ErrorCode error;
    std::string_view code;
    bool metadata;
  };
  const std::vector<Row> rows = {
      {ErrorCode::kNotLeaderOrFollower, "kafka_unavailable", true},
      {ErrorCode::kLeaderNotAvailable, "kafka_unavailable", true},
      {ErrorCode::kKafkaStorageError, "kafka_unavailable", true},
      {ErrorCode::kUnknownTopicOrPartition, "unknown_topic", true},
      {ErrorCode::kUnknownTopicId, "unknown_topic", true},
      {ErrorCode::kTopicAuthorizationFailed, "not_authorized", false},
      {ErrorCode::kClusterAuthorizationFailed, "not_authorized", false},
      {ErrorCode::kTransactionalIdAuthorizationFailed, "not_authorized", false},
      {ErrorCode::kInvalidTopic, "misconfigured", false},
      {ErrorCode::kPolicyViolation, "misconfigured", false},
      {ErrorCode::kUnsupportedCompressionType, "misconfigured", false},
      {ErrorCode::kUnsupportedVersion, "misconfigured", false},
      {ErrorCode::kInvalidRequiredAcks, "misconfigured", false},
      {ErrorCode::kNotEnoughReplicas, "kafka_unavailable", false},
      {ErrorCode::kThrottlingQuotaExceeded, "kafka_unavailable", false},
      {static_cast<ErrorCode>(999), "kafka_unavailable", false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(static_cast<int>(row.error));
    for (const ProduceError& found :
         {ErrorOf(Of(1), Answer(row.error), kVersion), TemporaryErrorOf(row.error)}) {
      EXPECT_EQ(found.kind, Kind::kTemporary);
      EXPECT_EQ(found.code, row.code);
      EXPECT_EQ(found.metadata, row.metadata);
    }
  }
}

TEST(ProduceError, SomeErrorsChangeWhatIsSent) {
  struct Row {
    ErrorCode error;
    Kind kind;
    std::string_view code;
    bool metadata = false;
  };
  const std::vector<Row> rows = {
      {ErrorCode::kInvalidTimestamp, Kind::kTimestamp, "clock_refused"},
      {ErrorCode::kOutOfOrderSequenceNumber, Kind::kSequence, "out_of_order_sequence", true},
      {ErrorCode::kUnknownProducerId, Kind::kSequence, "out_of_order_sequence", true},
      {ErrorCode::kDuplicateSequenceNumber, Kind::kStored, ""},
      {ErrorCode::kInvalidProducerEpoch, Kind::kFenced, "producer_fenced"},
      {ErrorCode::kProducerFenced, Kind::kFenced, "producer_fenced"},
      {ErrorCode::kCorruptMessage, Kind::kUnreadable, "kafka_unavailable"},
      {ErrorCode::kUnknownServerError, Kind::kUnreadable, "kafka_unavailable"},
  };
  for (const Row& row : rows) {
    const ProduceError found = ErrorOf(Of(2), Answer(row.error), kVersion);
    EXPECT_EQ(found.kind, row.kind) << static_cast<int>(row.error);
    EXPECT_EQ(found.code, row.code) << static_cast<int>(row.error);
    EXPECT_EQ(found.metadata, row.metadata) << static_cast<int>(row.error);
  }
}

TEST(ProduceError, ABatchThatIsTooLargeIsSplitUntilOneRecordIsLeft) {
  for (const auto error : {ErrorCode::kMessageTooLarge, ErrorCode::kRecordListTooLarge}) {
    EXPECT_EQ(ErrorOf(Of(2), Answer(error), kVersion).kind, Kind::kSplit);
    const ProduceError one = ErrorOf(Of(1), Answer(error, "1 byte too much"), kVersion);
    EXPECT_EQ(one.kind, Kind::kRejected);
    EXPECT_EQ(one.rejection.code, "message_too_large");
    EXPECT_EQ(one.rejection.records, std::vector<uint32_t>{0});
    EXPECT_EQ(one.rejection.reasons, std::vector<std::string>{"1 byte too much"});
  }
}

TEST(ProduceError, TheBrokerNamesTheRecordsThatItRejects) {
  wire::PartitionProduced answer = Answer(ErrorCode::kInvalidRecord, "some are invalid");
  answer.record_errors = {
      {2, "no key"}, {0, ""}, {2, "again"}, {3, "there is no such record"}, {-1, "nor this"}};
  const ProduceError found = ErrorOf(Of(3), answer, 8);
  EXPECT_EQ(found.kind, Kind::kRejected);
  EXPECT_EQ(found.rejection.code, "invalid_record");
  EXPECT_EQ(found.rejection.records, (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(found.rejection.reasons, (std::vector<std::string>{"some are invalid", "no key"}));
}

TEST(ProduceError, IfItNamesNoneTheBatchAsAWholeIsAtFault) {
  const wire::PartitionProduced answer = Answer(ErrorCode::kInvalidRecord, "why");
  const ProduceError found = ErrorOf(Of(1), answer, 8);
  EXPECT_EQ(found.kind, Kind::kUnreadable);
  EXPECT_EQ(found.code, "batch_rejected");
  EXPECT_EQ(ErrorOf(Of(2), answer, 7).kind, Kind::kSplit) << "this version can't name any";
  const ProduceError one = ErrorOf(Of(1), answer, 7);
  EXPECT_EQ(one.kind, Kind::kRejected);
  EXPECT_EQ(one.rejection.records.size(), 1U);
}

TEST(ProduceError, DeadLettersAreNotWaitedForWhereNothingMayBeWritten) {
  const ProduceError found =
      ErrorOf(Of(2, /*dead_letters=*/true), Answer(ErrorCode::kTopicAuthorizationFailed), kVersion);
  EXPECT_EQ(found.kind, Kind::kRejected);
  EXPECT_EQ(found.rejection.code, "not_authorized");
  EXPECT_EQ(found.rejection.records, (std::vector<uint32_t>{0, 1}));
}

}  // namespace
}  // namespace ei::kafka::native
