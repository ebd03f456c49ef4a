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

// The topic's max.message.bytes: of a batch as it is written, its overhead included.
base::Result<uint64_t> MessageBytesMax(rd_kafka_t* client, const std::string& topic);

// By topic; the names live as long as the event that they were read from.
using MessageBytesMaxAnswer = base::Result<std::vector<std::pair<std::string_view, base::Result<uint64_t>>>>;

// The same of several topics without waiting: the answer comes to the queue, as
// RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, within some seconds.
void AskMessageBytesMax(rd_kafka_t* client, std::span<const std::string> topics, rd_kafka_queue_t* answers);
MessageBytesMaxAnswer ReadMessageBytesMax(rd_kafka_event_t* answer);

}  // namespace ei::kafka
