#include "adapters/kafka/failure_table.h"

namespace ei::kafka {

using app::Verdict;

Failure Classify(rd_kafka_resp_err_t error, bool alone) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return {Verdict::kDelivered, {}};

    // A request is refused as a whole: whose fault it was shows only when a record is alone in it. More tries
    // won't make it smaller.
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return {alone ? Verdict::kEventInvalid : Verdict::kEventRefused, "message_too_large"};

    // The broker's rules for records (a compacted topic needs keys, a validator said no): tried a few times,
    // since the topic's configuration may be in the middle of a change.
    case RD_KAFKA_RESP_ERR_INVALID_RECORD: return {Verdict::kEventRefused, "invalid_record"};
    case RD_KAFKA_RESP_ERR_INVALID_MSG: return {Verdict::kEventRefused, "invalid_message"};
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE: return {Verdict::kEventRefused, "invalid_message_size"};
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP: return {Verdict::kEventRefused, "invalid_timestamp"};

    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return {Verdict::kTransient, "unknown_topic"};

    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return {Verdict::kTransient, "not_authorized"};

    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__FATAL: return {Verdict::kTransient, "taken_back"};

    case RD_KAFKA_RESP_ERR__STATE: return {Verdict::kTransient, "delivery_not_proven"};

    case RD_KAFKA_RESP_ERR__QUEUE_FULL: return {Verdict::kTransient, "producer_queue_full"};

    default: return {Verdict::kTransient, "kafka_unavailable"};
  }
}

Failure ClassifyLetter(rd_kafka_resp_err_t error) {
  const Failure failure = Classify(error, /*alone=*/true);
  switch (error) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED: return {Verdict::kEventRefused, failure.code};
    default: return failure;
  }
}

}  // namespace ei::kafka
