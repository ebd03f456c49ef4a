#include "bench/topic_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>

namespace ei::bench {
namespace {

constexpr int kMetadataTimeoutMs = 10'000;
constexpr int kLeaderAttempts = 50;
constexpr int kLeaderWaitMs = 100;
constexpr std::size_t kBatch = 4096;
// A batch call returns only when the batch is full or this time is over, so it is spent once at the end of a
// topic.
constexpr std::chrono::milliseconds kBatchWait{50};

base::Result<void> Set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
    return base::Fail(base::ErrorKind::kInvalid, why.data());
  }
  return {};
}

std::unexpected<base::Error> KafkaFault(const std::string& what, rd_kafka_resp_err_t error) {
  return base::Fail(base::ErrorKind::kUnavailable, what + ": " + rd_kafka_err2str(error));
}

}  // namespace

base::Result<TopicReader> TopicReader::Open(const std::string& brokers, const std::string& topic) {
  std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(),
                                                                          &rd_kafka_conf_destroy);
  const std::array<std::pair<const char*, std::string>, 8> settings{{
      {"bootstrap.servers", brokers},
      {"enable.partition.eof", "true"},
      {"auto.offset.reset", "earliest"},
      {"fetch.wait.max.ms", "50"},
      {"fetch.message.max.bytes", "8388608"},
      // A partition whose queue reaches one of these limits is not fetched for a second.
      {"queued.min.messages", "10000000"},
      {"queued.max.messages.kbytes", "262144"},
      {"log_level", "3"},
  }};
  for (const auto& [name, value] : settings) {
    if (const auto set = Set(conf.get(), name, value); !set) return std::unexpected(set.error());
  }
  std::array<char, 512> why{};
  TopicReader reader;
  reader.client_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), why.data(), why.size()));
  if (!reader.client_) return base::Fail(base::ErrorKind::kInvalid, why.data());
  conf.release();  // the client owns it now
  if (const auto found = reader.FindPartitions(topic); !found) return std::unexpected(found.error());
  return reader;
}

base::Result<void> TopicReader::FindPartitions(const std::string& topic) {
  topic_.reset(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  const rd_kafka_metadata_t* raw = nullptr;
  auto error = rd_kafka_metadata(client_.get(), 0, topic_.get(), &raw, kMetadataTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaFault("no metadata", error);
  const std::unique_ptr<const rd_kafka_metadata_t, decltype(&rd_kafka_metadata_destroy)> metadata(
      raw, &rd_kafka_metadata_destroy);
  if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return KafkaFault("topic " + topic,
                      metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC);
  }
  for (const auto& found : std::span(metadata->topics[0].partitions,
                                     static_cast<std::size_t>(metadata->topics[0].partition_cnt))) {
    Partition partition{.id = found.id};
    // The leader of a topic that has just been created may not know it yet.
    for (int attempt = 0; attempt < kLeaderAttempts; ++attempt) {
      error = rd_kafka_query_watermark_offsets(client_.get(), topic.c_str(), found.id, &partition.begin,
                                               &partition.end, kMetadataTimeoutMs);
      if (error != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION) break;
      rd_kafka_poll(client_.get(), kLeaderWaitMs);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaFault("no watermarks", error);
    partitions_.push_back(partition);
  }
  return {};
}

base::Result<void> TopicReader::ReadAll(
    std::chrono::milliseconds patience,
    const std::function<base::Result<void>(const Record& record)>& on_record) {
  queue_.reset(rd_kafka_queue_new(client_.get()));
  std::map<std::int32_t, std::int64_t> unread_until;
  for (const Partition& partition : partitions_) {
    if (partition.begin >= partition.end) continue;
    if (rd_kafka_consume_start_queue(topic_.get(), partition.id, partition.begin, queue_.get()) != 0) {
      return KafkaFault("partition " + std::to_string(partition.id), rd_kafka_last_error());
    }
    unread_until[partition.id] = partition.end;
  }

  base::Result<void> outcome;
  std::vector<rd_kafka_message_t*> batch(kBatch);
  auto last_arrival = std::chrono::steady_clock::now();
  while (!unread_until.empty() && outcome) {
    const auto count = rd_kafka_consume_batch_queue(queue_.get(), static_cast<int>(kBatchWait.count()),
                                                    batch.data(), batch.size());
    const auto now = std::chrono::steady_clock::now();
    if (count < 0) outcome = KafkaFault("can't read", rd_kafka_last_error());
    if (count > 0) last_arrival = now;
    if (now - last_arrival > patience) {
      outcome = base::Fail(base::ErrorKind::kUnavailable, "nothing arrived in time");
    }
    const auto arrived = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    for (rd_kafka_message_t* message : std::span(batch).first(arrived)) {
      const auto partition = unread_until.find(message->partition);
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        // Records that arrived after the reading began are not counted.
        if (outcome && partition != unread_until.end() && message->offset < partition->second) {
          outcome = on_record({{static_cast<const char*>(message->key), message->key_len},
                               {static_cast<const char*>(message->payload), message->len}});
        }
        if (partition != unread_until.end() && message->offset + 1 >= partition->second) {
          unread_until.erase(partition);
        }
      } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (partition != unread_until.end() && message->offset >= partition->second) {
          unread_until.erase(partition);
        }
      } else if (outcome) {
        outcome = KafkaFault("can't read", message->err);
      }
      rd_kafka_message_destroy(message);
    }
  }
  for (const Partition& partition : partitions_) {
    if (partition.begin < partition.end) rd_kafka_consume_stop(topic_.get(), partition.id);
  }
  return outcome;
}

}  // namespace ei::bench
