#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/partition_list.h"
#include "base/result.h"

namespace ei::kafka {

// What brokers tell about their cluster. Each waits for some seconds at most; a failure is kUnavailable, or
// kInvalid where asking again won't help (it isn't allowed, for instance).

// Names that begin with `prefix`; only those that the client may see.
base::Result<std::vector<std::string>> ConsumerGroups(rd_kafka_t* client, std::string_view prefix);

// Of all partitions of all topics that the group has saved any for, with their metadata.
base::Result<PartitionList> SavedOffsets(rd_kafka_t* client, const std::string& group);

// What a topic's own settings say of the records that it takes.
struct TopicConfig {
  uint64_t message_bytes_max = 0;  // max.message.bytes: of a batch as it is written, its overhead included
  bool compacted = false;          // cleanup.policy: a record needs a key
  int in_sync_min = 0;             // min.insync.replicas, as it is in effect; 0: not told
  bool operator==(const TopicConfig&) const = default;
};
// Replicas of a topic's partition, by the last the cluster told or by asking; 0: not known. Waits for a
// second at most.
int ReplicasOf(rd_kafka_t* client, const std::string& topic);
base::Result<TopicConfig> ConfigOf(rd_kafka_t* client, const std::string& topic);

// By topic; the names live as long as the event that they were read from.
using TopicConfigAnswer = base::Result<std::vector<std::pair<std::string_view, base::Result<TopicConfig>>>>;

// The same of several topics without waiting: the answer comes to the queue, as
// RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, within some seconds.
void AskForConfigs(rd_kafka_t* client, std::span<const std::string> topics, rd_kafka_queue_t* answers);
TopicConfigAnswer ReadConfigs(rd_kafka_event_t* answer);

}  // namespace ei::kafka
