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

// Returns the librdkafka properties that each client, producer or consumer, needs to connect and log in.
// Reads the files of options.security; rd_kafka_new reads the certificate files again. The values include
// secrets. The OAUTHBEARER token is not included: SetToken passes it to a running client.
base::Result<Properties> ConnectionProperties(const KafkaOptions& options);

// Returns kInvalid with the name of the property that librdkafka rejects, and its value unless that is a
// secret.
base::Result<void> SetProperties(rd_kafka_conf_t* conf, const Properties& properties);

// Sets the token for this client's next connections; open connections stay. The client's events must include
// RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH; the caller may ignore that event.
base::Result<void> SetToken(rd_kafka_t* client, const AccessToken& token);

}  // namespace ei::kafka
