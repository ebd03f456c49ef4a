#pragma once

#include "adapters/kafka/kafka_options.h"
#include "base/clock.h"
#include "settings/settings.h"

namespace ei::service {

// Returns the options of the Kafka adapter: settings.kafka, with the source of tokens and the largest event
// that follow from the other settings. The clock must outlive them.
kafka::KafkaOptions KafkaOptionsOf(const Settings& settings, const Clock& clock);

}  // namespace ei::service
