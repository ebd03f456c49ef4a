#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/security_options.h"
#include "adapters/kafka/topics.h"
#include "base/time.h"

namespace ei::kafka {

struct KafkaOptions {
  std::string brokers = "localhost:9092";
  SecurityOptions security;
  std::string topic = "events";
  std::string dlq_topic = "events-dlq";
  std::vector<TopicOptions> topics;                         // those with settings of their own
  base::Duration write_timeout = std::chrono::seconds(10);  // of one request, which is then sent again
  base::Duration linger = std::chrono::milliseconds(5);
  std::string compression = "none";
  size_t event_bytes_max = 1'000'000;
  size_t inflight_events_max = 20'000;  // of all lanes together
  size_t lanes = 1;

  // Properties of librdkafka that win over all of the above.
  std::vector<std::pair<std::string, std::string>> properties;
};

}  // namespace ei::kafka
