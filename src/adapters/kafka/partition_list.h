#pragma once

#include <memory>

#include <librdkafka/rdkafka.h>

namespace ei::kafka {

using PartitionList =
    std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)>;

inline PartitionList NewPartitionList(int size) {
  return {rd_kafka_topic_partition_list_new(size), &rd_kafka_topic_partition_list_destroy};
}

}  // namespace ei::kafka
