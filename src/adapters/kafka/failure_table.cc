#include "adapters/kafka/failure_table.h"

namespace ei::kafka {

RecordFailure ClassifyRecord(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: return {true, "message_too_large"};
    case RD_KAFKA_RESP_ERR_INVALID_RECORD: return {true, "invalid_record"};
    case RD_KAFKA_RESP_ERR_INVALID_MSG: return {true, "invalid_message"};
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE: return {true, "invalid_message_size"};

    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return {true, "unknown_topic"};
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return {false, "unknown_topic"};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED: return {true, kNotAuthorized};
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return {false, kNotAuthorized};

    // A record's timestamp is set from this machine's clock when the record is sent, so the record is not at
    // fault.
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP: return {false, kClockRefused};

    // Settings of this client or of the cluster that don't match. The records can be written once they are
    // corrected.
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE: return {false, "misconfigured"};

    default: return {false, "kafka_unavailable"};
  }
}

bool IsTransient(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT: return true;
    default: return false;
  }
}

ClientFault ClassifyClientFault(rd_kafka_resp_err_t error, std::string_view detail) {
  constexpr std::string_view kTlsAlert = "SSL alert number ";
  switch (error) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE: return {"authentication_failed", true};
    case RD_KAFKA_RESP_ERR__SSL: return {"tls_failed", true};

    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return {kNotAuthorized};

    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: return {"brokers_down"};
    case RD_KAFKA_RESP_ERR__RESOLVE: return {"host_not_found"};
    case RD_KAFKA_RESP_ERR__TRANSPORT:
      if (detail.find(kTlsAlert) != std::string_view::npos) return {"tls_failed", true};
      return {"connection_failed"};
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE: return {"timed_out"};
    case RD_KAFKA_RESP_ERR__FATAL: return {"producer_failed"};
    default: return {"other"};
  }
}

}  // namespace ei::kafka
