#pragma once

#include <cstddef>
#include <vector>

#include "adapters/http/http_options.h"
#include "adapters/json/event_decoder.h"
#include "adapters/kafka/kafka_options.h"
#include "base/clock.h"
#include "settings/routing_file.h"
#include "settings/settings.h"

namespace ei::service {

// Convert the settings to the options of each adapter. `clock` must outlive the result.

std::vector<kafka::TopicOptions> TopicOptionsOf(const Routing& routing);
kafka::KafkaOptions KafkaOptionsOf(const Settings& settings, size_t lanes,
                                   std::vector<kafka::TopicOptions> topics, const Clock& clock);
http::HttpOptions HttpOptionsOf(const Settings& settings);
json::DecoderOptions DecoderOptionsOf(const Settings& settings);

}  // namespace ei::service
