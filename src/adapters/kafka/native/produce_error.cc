#include "adapters/kafka/native/produce_error.h"

#include <map>

namespace ei::kafka::native {

using wire::ErrorCode;

namespace {

using Kind = ProduceError::Kind;

// The first Produce version whose answers name the rejected records (KIP-467).
constexpr int16_t kNamesRecordsFrom = 8;

std::string_view Cut(std::string_view reason) { return reason.substr(0, ProduceError::kReasonBytesMax); }

// Rejects all records of the batch, which has few.
ProduceError AllRejected(const Batch& batch, std::string_view code, std::string_view reason) {
  ProduceError error{.kind = Kind::kRejected, .rejection = {.code = code}};
  for (uint32_t index = 0; index < batch.records.Count(); ++index) {
    error.rejection.records.push_back(index);
    error.rejection.reasons.emplace_back(Cut(reason));
  }
  return error;
}

ProduceError InvalidRecord(const Batch& batch, const wire::PartitionProduced& answer, int16_t version) {
  constexpr std::string_view kCode = "invalid_record";
  const uint32_t count = batch.records.Count();
  std::map<uint32_t, std::string_view> reasons;
  for (const wire::RecordError& error : answer.record_errors) {
    if (error.index < 0 || static_cast<uint32_t>(error.index) >= count) continue;
    const std::string_view reason = error.message.empty() ? answer.error_message : error.message;
    reasons.try_emplace(static_cast<uint32_t>(error.index), Cut(reason));
  }
  if (!reasons.empty()) {
    ProduceError error{.kind = Kind::kRejected, .rejection = {.code = kCode}};
    for (const auto& [index, reason] : reasons) {
      error.rejection.records.push_back(index);
      error.rejection.reasons.emplace_back(reason);
    }
    return error;
  }
  if (version < kNamesRecordsFrom) {
    return count == 1 ? AllRejected(batch, kCode, answer.error_message) : ProduceError{.kind = Kind::kSplit};
  }
  // No record is named, so no event is at fault.
  return {.kind = Kind::kUnreadable, .code = "batch_rejected"};
}

}  // namespace

ProduceError TemporaryErrorOf(ErrorCode error) {
  switch (error) {
    case ErrorCode::kNotLeaderOrFollower:
    case ErrorCode::kLeaderNotAvailable:
    case ErrorCode::kKafkaStorageError: return {.code = "kafka_unavailable", .metadata = true};
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kUnknownTopicId: return {.code = "unknown_topic", .metadata = true};
    case ErrorCode::kTopicAuthorizationFailed:
    case ErrorCode::kClusterAuthorizationFailed:
    case ErrorCode::kTransactionalIdAuthorizationFailed: return {.code = "not_authorized"};
    case ErrorCode::kInvalidTopic:
    case ErrorCode::kPolicyViolation:
    case ErrorCode::kUnsupportedCompressionType:
    case ErrorCode::kUnsupportedVersion:
    case ErrorCode::kInvalidRequiredAcks: return {.code = "misconfigured"};
    default: return {.code = "kafka_unavailable"};
  }
}

ProduceError ErrorOf(const Batch& batch, const wire::PartitionProduced& answer, int16_t version) {
  switch (answer.error) {
    case ErrorCode::kMessageTooLarge:
    case ErrorCode::kRecordListTooLarge:
      if (batch.records.Count() > 1) return {.kind = Kind::kSplit};
      return AllRejected(batch, "message_too_large", answer.error_message);

    case ErrorCode::kInvalidRecord: return InvalidRecord(batch, answer, version);

    // The timestamp is this client's, not the event's.
    case ErrorCode::kInvalidTimestamp: return {.kind = Kind::kTimestamp, .code = "clock_refused"};

    // This proves nothing until metadata confirms the leader: a former leader that was suspended answers this
    // when it resumes.
    case ErrorCode::kOutOfOrderSequenceNumber:
    case ErrorCode::kUnknownProducerId:
      return {.kind = Kind::kSequence, .code = "out_of_order_sequence", .metadata = true};

    // Means success, if a broker returns it at all.
    case ErrorCode::kDuplicateSequenceNumber: return {.kind = Kind::kStored};

    case ErrorCode::kInvalidProducerEpoch:
    case ErrorCode::kProducerFenced: return {.kind = Kind::kFenced, .code = "producer_fenced"};

    case ErrorCode::kCorruptMessage:
    case ErrorCode::kUnknownServerError: return {.kind = Kind::kUnreadable, .code = "kafka_unavailable"};

    case ErrorCode::kTopicAuthorizationFailed:
      if (batch.dead_letters) return AllRejected(batch, "not_authorized", answer.error_message);
      [[fallthrough]];
    default: return TemporaryErrorOf(answer.error);
  }
}

}  // namespace ei::kafka::native
