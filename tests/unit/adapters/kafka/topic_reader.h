#pragma once

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

namespace ei::kafka {

struct StoredRecord {
  int32_t partition = 0;
  int64_t offset = 0;
  std::optional<std::string> key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;

  std::string Header(const std::string& name) const {
    for (const auto& [header, header_value] : headers) {
      if (header == name) return header_value;
    }
    return "(no " + name + ")";
  }
};

// Reads a topic from its beginning on in a separate thread, so that a partition may retain less than is
// written to it.
class TopicReader {
 public:
  TopicReader(const std::string& brokers, const std::string& topic, int partitions)
      : topic_name_(topic),
        records_(static_cast<size_t>(partitions)),
        next_(static_cast<size_t>(partitions), 0) {
    std::array<char, 512> fault{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"bootstrap.servers", brokers.c_str()},
             {"topic.metadata.refresh.fast.interval.ms", "10"},
             {"fetch.wait.max.ms", "10"},
             {"fetch.error.backoff.ms", "1"},
             {"auto.offset.reset", "earliest"},
             {"log_level", "0"}}) {
      EXPECT_EQ(rd_kafka_conf_set(conf, name, value, fault.data(), fault.size()), RD_KAFKA_CONF_OK)
          << fault.data();
    }
    client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, fault.data(), fault.size());
    EXPECT_NE(client_, nullptr) << fault.data();
    topic_ = rd_kafka_topic_new(client_, topic.c_str(), nullptr);
    // Fetches the leaders first, so that reading a partition doesn't start with a wait for them.
    const rd_kafka_metadata_t* metadata = nullptr;
    EXPECT_EQ(rd_kafka_metadata(client_, 0, topic_, &metadata, 10'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_metadata_destroy(metadata);
    queue_ = rd_kafka_queue_new(client_);
    for (int32_t p = 0; p < partitions; ++p) {
      EXPECT_EQ(rd_kafka_consume_start_queue(topic_, p, RD_KAFKA_OFFSET_BEGINNING, queue_), 0);
    }
    thread_ = std::thread([this] { Run(); });
  }
  ~TopicReader() {
    stop_ = true;
    thread_.join();
    for (size_t p = 0; p < records_.size(); ++p) rd_kafka_consume_stop(topic_, static_cast<int32_t>(p));
    rd_kafka_queue_destroy(queue_);
    rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(client_);
  }
  TopicReader(const TopicReader&) = delete;
  TopicReader& operator=(const TopicReader&) = delete;

  // All records that are in the topic now, partition by partition, each in its order.
  std::vector<StoredRecord> ToEnd() {
    std::vector<StoredRecord> read;
    for (size_t p = 0; p < records_.size(); ++p) {
      int64_t low = 0;
      int64_t high = 0;
      EXPECT_EQ(rd_kafka_query_watermark_offsets(client_, topic_name_.c_str(), static_cast<int32_t>(p), &low,
                                                 &high, 10'000),
                RD_KAFKA_RESP_ERR_NO_ERROR);
      std::unique_lock lock(mutex_);
      EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return next_[p] >= high; }))
          << topic_name_ << " could not be read to its end";
      read.insert(read.end(), records_[p].begin(), records_[p].end());
    }
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(missed_, 0) << "records were gone from the log before they could be read";
    return read;
  }

 private:
  void Run() {
    while (!stop_) {
      rd_kafka_message_t* const message = rd_kafka_consume_queue(queue_, 10);
      if (message == nullptr) continue;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const auto p = static_cast<size_t>(message->partition);
        const std::lock_guard lock(mutex_);
        missed_ += message->offset - next_[p];
        next_[p] = message->offset + 1;
        records_[p].push_back(Copy(*message));
        changed_.notify_all();
      }
      rd_kafka_message_destroy(message);
    }
  }

  static std::string Text(const void* bytes, size_t size) {
    return size == 0 ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

  static StoredRecord Copy(const rd_kafka_message_t& message) {
    StoredRecord record;
    record.partition = message.partition;
    record.offset = message.offset;
    if (message.key != nullptr) record.key = Text(message.key, message.key_len);
    record.value = Text(message.payload, message.len);
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* name = nullptr;
      const void* bytes = nullptr;
      size_t size = 0;
      for (size_t i = 0;
           rd_kafka_header_get_all(headers, i, &name, &bytes, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
        record.headers.emplace_back(name, Text(bytes, size));
      }
    }
    return record;
  }

  const std::string topic_name_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  rd_kafka_queue_t* queue_ = nullptr;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<StoredRecord>> records_;  // by partition
  std::vector<int64_t> next_;                       // offset, by partition
  int64_t missed_ = 0;
  std::thread thread_;
};

}  // namespace ei::kafka
