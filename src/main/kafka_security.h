#pragma once

#include "adapters/kafka/security_options.h"
#include "app/ports/clock.h"
#include "main/settings.h"

namespace ei::service {

// The settings of kafka.security as the Kafka adapter takes them, with the source of tokens they ask for. The
// clock outlives the options.
kafka::SecurityOptions SecurityOptionsOf(const KafkaSecuritySettings& settings, const app::Clock& clock);

}  // namespace ei::service
