#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "unit/adapters/kafka/topic_reader.h"

namespace ei::kafka {

// librdkafka's in-memory broker on its own loopback ports. It speaks the real protocol and rejects what the
// test specifies. Unlike a real broker it doesn't drop the repeats of an idempotent producer, and retains
// only 5 MB a partition.
class MockCluster {
 public:
  static constexpr int16_t kProduce = 0;
  static constexpr int16_t kInitProducerId = 22;

  explicit MockCluster(int partitions = 4, int brokers = 1) : partitions_(partitions) {
    cluster_ = rd_kafka_mock_cluster_new(Host(), brokers);
    for (const auto topic : {"events", "events-dlq", "orders", "orders-dlq"}) {
      EXPECT_EQ(rd_kafka_mock_topic_create(cluster_, topic, partitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    }
  }
  ~MockCluster() { rd_kafka_mock_cluster_destroy(cluster_); }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  std::string Brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  int Partitions() const { return partitions_; }

  // The next requests of this kind get these errors, one each; NO_ERROR: as usual.
  void AnswerNext(int16_t request, const std::vector<rd_kafka_resp_err_t>& errors) {
    rd_kafka_mock_push_request_errors_array(cluster_, request, errors.size(), errors.data());
  }
  void SayOfTopic(const char* topic, rd_kafka_resp_err_t error) {
    rd_kafka_mock_topic_set_error(cluster_, topic, error);
  }
  // One broker, numbered from 1, or all.
  void GoDown(int broker = -1) { rd_kafka_mock_broker_set_down(cluster_, broker); }
  void ComeUp(int broker = -1) { rd_kafka_mock_broker_set_up(cluster_, broker); }
  void MoveLeader(const char* topic, int32_t partition, int broker) {
    rd_kafka_mock_partition_set_leader(cluster_, topic, partition, broker);
  }
  void MoveLeaders(const char* topic, int broker) {
    for (int32_t partition = 0; partition < partitions_; ++partition) MoveLeader(topic, partition, broker);
  }

  // Delays each of the next `count` requests of this kind to one broker, and answers it with this error.
  void AnswerNextAfter(int16_t request, int count, std::chrono::milliseconds time,
                       rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR, int broker = 1) {
    for (int i = 0; i < count; ++i) {
      rd_kafka_mock_broker_push_request_error_rtts(cluster_, broker, request, 1, error,
                                                   static_cast<int>(time.count()));
    }
  }

  // All records that are in the topic, partition by partition, each in its order.
  std::vector<StoredRecord> Read(const std::string& topic) const {
    return TopicReader(Brokers(), topic, partitions_).ToEnd();
  }

 private:
  // The client that the clusters belong to. One for all, because destroying it takes a second.
  static rd_kafka_t* Host() {
    struct Client {
      Client() {
        std::array<char, 512> fault{};
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "log_level", "0", fault.data(), fault.size());
        handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, fault.data(), fault.size());
        if (handle == nullptr) std::abort();
      }
      ~Client() { rd_kafka_destroy(handle); }
      rd_kafka_t* handle;
    };
    static const Client host;
    return host.handle;
  }

  const int partitions_;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

}  // namespace ei::kafka
