#pragma once

#include "adapters/kafka/security_options.h"
#include "base/clock.h"
#include "settings/settings.h"

namespace ei::service {

// Converts the settings of kafka.security to the options of the Kafka adapter, including the token source.
// The clock must outlive the options.
kafka::SecurityOptions SecurityOptionsOf(const KafkaSecuritySettings& settings, const Clock& clock);

}  // namespace ei::service
