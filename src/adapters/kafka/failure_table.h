#pragma once

#include <string_view>

#include <librdkafka/rdkafka.h>

namespace ei::kafka {

inline constexpr std::string_view kNotAuthorized = "not_authorized";
inline constexpr std::string_view kClockRefused = "clock_refused";
inline constexpr std::string_view kThrottled = "throttled";

// Why a dead letter that is sent again was not taken.
struct RecordFailure {
  bool rejected = false;  // its topic doesn't take it; else it is tried again
  std::string_view code;  // stable, as in "message_too_large"; stands in dead letters and logs
};

// What isn't known is held to be passing: a record is never given up on a guess. It has another place to go
// to, so a topic that is not there, or not open to us, rejects it.
RecordFailure ClassifyRecord(rd_kafka_resp_err_t error);

// Whether a call that is no record's delivery may succeed when it is made again, as brokers start and elect
// their leaders.
bool MayPass(rd_kafka_resp_err_t error);

// A fault of the client, told apart from any record. `refusal`: the broker doesn't take the credentials.
struct ClientFault {
  std::string_view code;  // stable, for metrics and logs
  bool refusal = false;
};

// `detail`: librdkafka's text. In TLS 1.3 a server's verdict on the client's certificate comes when the
// client holds the handshake for done, and librdkafka reports it as a broken connection.
ClientFault ClassifyClientFault(rd_kafka_resp_err_t error, std::string_view detail);

}  // namespace ei::kafka
