#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ei::bench {

// Reads a whole topic once, from its first record to the end that each partition had when the reading began.
// Joins no group and commits nothing. Used by one thread.
class TopicReader {
 public:
  static base::Result<TopicReader> Open(const std::string& brokers, const std::string& topic);

  struct Partition {
    std::int32_t id = 0;
    std::int64_t begin = 0;  // first offset kept
    std::int64_t end = 0;    // one past the last record
  };
  const std::vector<Partition>& Partitions() const { return partitions_; }

  struct Record {
    std::string_view key;  // empty: none
    std::string_view value;
  };

  // Calls `on_record` for each record, in order within a partition. Fails if nothing arrives for `patience`,
  // or if `on_record` fails.
  base::Result<void> ReadAll(std::chrono::milliseconds patience,
                             const std::function<base::Result<void>(const Record& record)>& on_record);

 private:
  struct ClientCloser {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
  };
  struct TopicCloser {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  };
  struct QueueCloser {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  };

  base::Result<void> FindPartitions(const std::string& topic);

  // The topic and the queue must be destroyed before the client.
  std::unique_ptr<rd_kafka_t, ClientCloser> client_;
  std::unique_ptr<rd_kafka_topic_t, TopicCloser> topic_;
  std::unique_ptr<rd_kafka_queue_t, QueueCloser> queue_;
  std::vector<Partition> partitions_;
};

}  // namespace ei::bench
