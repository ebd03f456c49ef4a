#pragma once

#include <string_view>

#include <librdkafka/rdkafka.h>

namespace ei::kafka {

inline constexpr std::string_view kNotAuthorized = "not_authorized";
inline constexpr std::string_view kClockRefused = "clock_refused";
inline constexpr std::string_view kThrottled = "throttled";

// Why the redrive of a dead letter failed.
struct RecordFailure {
  bool rejected = false;  // the topic doesn't accept this record; false: retry
  std::string_view code;  // stable, for example "message_too_large"; for dead letters and logs
};

// Unknown errors count as temporary, so that a record is not given up without proof. A topic that doesn't
// exist, or that this client may not write to, rejects the record, because a rejected redrive returns to the
// DLQ.
RecordFailure ClassifyRecord(rd_kafka_resp_err_t error);

// Whether a call other than a record's delivery may succeed when it is repeated, because brokers are starting
// or electing leaders.
bool IsTransient(rd_kafka_resp_err_t error);

// A fault of the client that no single record caused. `credentials_rejected`: the broker rejected the
// credentials.
struct ClientFault {
  std::string_view code;  // stable, for metrics and logs
  bool credentials_rejected = false;
};

// `detail` is librdkafka's text. With TLS 1.3 the server rejects the client's certificate after the client
// has finished the handshake, and librdkafka reports a broken connection; only the text shows the TLS alert.
ClientFault ClassifyClientFault(rd_kafka_resp_err_t error, std::string_view detail);

}  // namespace ei::kafka
