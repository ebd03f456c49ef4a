#pragma once

#include <string_view>

#include <librdkafka/rdkafka.h>

#include "app/ports/event_sink.h"

namespace ei::kafka {

struct Failure {
  app::Verdict verdict;
  std::string_view code;  // stable, as in "message_too_large"; stands in dead letters, logs and metrics
};

// What a failed delivery means. What isn't known is held to be transient: an event is never given up on a
// guess. `alone`: the record had a request of its own, so that a refusal can't be another record's fault.
Failure Classify(rd_kafka_resp_err_t error, bool alone);

// The same of a dead letter, which is always alone. It has another place to go to, so a dead-letter topic
// that is not there or not open to us refuses it.
Failure ClassifyLetter(rd_kafka_resp_err_t error);

}  // namespace ei::kafka
