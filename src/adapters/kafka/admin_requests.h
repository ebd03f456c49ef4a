#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/partition_list.h"
#include "adapters/kafka/topic_config.h"
#include "base/result.h"

namespace ei::kafka {

// Admin requests to the brokers. Each blocks for at most 10 s. A failure is kUnavailable if a retry may
// succeed, else kInvalid (for example: not authorized).

// Returns the names of the consumer groups that begin with `prefix` and that the client is authorized to see.
base::Result<std::vector<std::string>> ConsumerGroups(rd_kafka_t* client, std::string_view prefix);

// Returns the offsets that the group has saved, with their metadata, for all partitions of all topics.
base::Result<PartitionList> SavedOffsets(rd_kafka_t* client, const std::string& group);

base::Result<TopicConfig> ConfigOf(rd_kafka_t* client, const std::string& topic);

}  // namespace ei::kafka
