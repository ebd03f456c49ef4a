#pragma once

#include "adapters/kafka/security_options.h"
#include "base/clock.h"
#include "settings/settings.h"

namespace ei::service {

// The settings of kafka.security as the Kafka adapter takes them, with the source of tokens they ask for. The
// clock outlives the options.
kafka::SecurityOptions SecurityOptionsOf(const KafkaSecuritySettings& settings, const Clock& clock);

}  // namespace ei::service
