#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/security_options.h"
#include "adapters/kafka/stall_rule.h"
#include "adapters/kafka/topics.h"
#include "base/time.h"

namespace ei::kafka {

struct KafkaOptions {
  std::string brokers = "localhost:9092";
  SecurityOptions security;
  std::string topic = "events";
  std::string dlq_topic = "events-dlq";
  std::vector<TopicOptions> topics;                         // topics with their own settings
  base::Duration write_timeout = std::chrono::seconds(10);  // of one request; then its batches are sent again
  base::Duration retry_backoff = std::chrono::milliseconds(100);
  uint32_t max_retries = 1;  // of an event that its topic rejected
  base::Duration unknown_topic_grace = std::chrono::minutes(10);
  StallRule stall_rule;
  std::string compression = "none";
  size_t event_bytes_max = 1'000'000;
  size_t lanes = 1;

  // librdkafka properties that override all of the above. They apply only where librdkafka is used (redrive,
  // dlq stats).
  std::vector<std::pair<std::string, std::string>> properties;
};

}  // namespace ei::kafka
