#pragma once

#include <string_view>

#include <librdkafka/rdkafka.h>

#include "app/ports/event_sink.h"

namespace ei::kafka {

inline constexpr std::string_view kNotAuthorized = "not_authorized";
inline constexpr std::string_view kClockRefused = "clock_refused";
inline constexpr std::string_view kThrottled = "throttled";

struct Failure {
  app::Verdict verdict;
  std::string_view code;       // stable, as in "message_too_large"; stands in dead letters, logs and metrics
  std::string_view hint = {};  // what to look at; goes with the client's own words
};

// What a failed delivery means. What isn't known is held to be transient: an event is never given up on a
// guess. `alone`: the record had a request of its own, so that a refusal can't be another record's fault.
Failure Classify(rd_kafka_resp_err_t error, bool alone);

// The same of a dead letter, which is always alone. It has another place to go to, so a dead-letter topic
// that is not there or not open to us refuses it.
Failure ClassifyLetter(rd_kafka_resp_err_t error);

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
