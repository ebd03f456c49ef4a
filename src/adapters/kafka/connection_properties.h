#pragma once

#include <string>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/kafka_options.h"
#include "base/result.h"
#include "delivery/token_source.h"

namespace ei::kafka {

using Properties = std::vector<std::pair<std::string, std::string>>;

// What every client of these brokers, producer or consumer, needs to reach and to convince them. Reads the
// files of options.security; certificates are read again by rd_kafka_new. The values include secrets. Not in
// it: the token of OAUTHBEARER, which SetToken gives to a running client.
base::Result<Properties> ConnectionProperties(const KafkaOptions& options);

// kInvalid names the property that the client refuses, with its value unless that is a secret.
base::Result<void> SetProperties(rd_kafka_conf_t* conf, const Properties& properties);

// For this client's next connections; those it has stay. The client's events have to include
// RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH, which may go unheeded.
base::Result<void> SetToken(rd_kafka_t* client, const AccessToken& token);

}  // namespace ei::kafka
