#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/partition_list.h"
#include "adapters/kafka/topic_config.h"
#include "base/result.h"

namespace ei::kafka {

// What brokers tell about their cluster. Each waits for some seconds at most; a failure is kUnavailable, or
// kInvalid where asking again won't help (it isn't allowed, for instance).

// Names that begin with `prefix`; only those that the client may see.
base::Result<std::vector<std::string>> ConsumerGroups(rd_kafka_t* client, std::string_view prefix);

// Of all partitions of all topics that the group has saved any for, with their metadata.
base::Result<PartitionList> SavedOffsets(rd_kafka_t* client, const std::string& group);

base::Result<TopicConfig> ConfigOf(rd_kafka_t* client, const std::string& topic);

}  // namespace ei::kafka
