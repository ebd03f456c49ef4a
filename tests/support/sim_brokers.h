#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/kafka/wire/messages.h"
#include "support/random.h"
#include "support/sim_partition.h"

namespace ei::support {

namespace wire = kafka::wire;

// Simulates how a Kafka cluster answers a producer. Each broker supports randomly chosen API versions,
// behaves as real brokers were observed to (docs/KAFKA.md), and rejects requests by chance. Has no
// connections and no time: SimKafka and LoopbackKafka provide them and add their faults. Not thread-safe.
class SimBrokers {
 public:
  struct Chances {
    uint64_t refused_percent = 0;  // of the partitions in a request: a transient error
    uint64_t poison_percent = 0;   // of records: rejected by the topic's configuration
    bool tells_sequences = true;   // DescribeProducers is supported
    size_t batch_bytes_max = 1'048'588;
  };
  struct Record {
    std::optional<std::string> key;
    std::string value;
    std::vector<std::pair<std::string, std::string>> headers;
    uint64_t order = 0;  // in which the cluster received it
  };
  struct Request {
    wire::Api api{};
    int16_t version = 0;
    int32_t correlation_id = 0;
    std::string body;
  };

  // Each topic has `partitions` partitions. Broker i has the address broker:<i + 1> until SetAddress changes
  // it.
  SimBrokers(uint64_t seed, const Chances& chances, int brokers, const std::vector<std::string>& topics,
             int partitions);

  size_t Brokers() const { return brokers_.size(); }
  void SetAddress(size_t broker, std::string host, uint16_t port);
  bool IsUp(size_t broker) const { return brokers_[broker].up; }
  void TakeDown(size_t broker);
  void ComeUp(size_t broker);
  void MoveAnyLeader();
  void SetLeader(const std::string& topic, size_t partition, size_t broker);
  // The broker answers nothing for a while; its connections stay open. To be honoured by the class that
  // provides the connections.
  void Stop(size_t broker) { brokers_[broker].stopped = true; }
  void GoOn(size_t broker) { brokers_[broker].stopped = false; }
  bool IsStopped(size_t broker) const { return brokers_[broker].stopped; }
  void Delete(const std::string& topic);
  // Recreates the topic under its name, with a new id and `partitions` partitions.
  void MakeAgain(const std::string& topic, size_t partitions);
  void AddPartitions(const std::string& topic, size_t partitions);
  size_t Partitions(const std::string& topic) const { return topics_.at(topic).partitions.size(); }
  // A broken topic rejects every record.
  void Break(const std::string& topic, bool broken) { topics_.at(topic).broken = broken; }
  // The settings that the client may read; of other topics it may read none.
  void SetConfigs(const std::string& topic, std::map<std::string, std::string> configs) {
    topics_.at(topic).configs = std::move(configs);
  }
  // Whether all brokers receive the topic's id with each produce request. Then no broker stores records that
  // were meant for a previous topic of the same name.
  bool AllTakeIds() const;
  // Stops all random rejections; poison records are still rejected.
  void Heal();

  // Removes one complete request from the front of `input`; nullopt: it is not complete yet.
  static std::optional<Request> Take(std::string& input);
  // Returns the frame that answers the request, with its size prefix.
  std::string Answer(size_t broker, const Request& request, int32_t throttle_ms = 0);

  // The records of a partition, in log order.
  std::vector<Record> Log(const std::string& topic, int partition) const;
  // The same for the previous topics of this name, oldest first, by partition.
  std::vector<std::vector<std::vector<Record>>> EarlierLogs(const std::string& topic) const;
  bool IsPoison(std::string_view value) const;

 private:
  struct Versions {
    int16_t produce = 13;
    int16_t metadata = 13;
    int16_t init_producer_id = 4;
    int16_t api_versions = 4;
    bool describe_producers = true;
  };
  struct Broker {
    bool up = true;
    bool stopped = false;
    Versions versions;
    std::string host = "broker";
    uint16_t port = 0;
  };
  struct Place {
    size_t leader = 0;
    int32_t epoch = 0;
    SimPartition kept;
  };
  struct Topic {
    wire::TopicId id;
    std::vector<Place> partitions;
    bool deleted = false;
    bool broken = false;
    std::map<std::string, std::string> configs;
    std::vector<std::vector<std::vector<uint64_t>>>
        earlier;  // logs of the previous topics of this name, by partition
  };

  bool Percent(uint64_t percent) { return random_.Below(100) < percent; }
  SimPartition::Request ReadBatch(const Topic& topic, std::string_view batch);
  std::string ApiVersions(size_t broker, int16_t version) const;
  std::string Metadata(const Request& request) const;
  std::string InitProducerId(int16_t version);
  std::string Produce(size_t broker, const Request& request, int32_t throttle_ms);
  wire::PartitionProduced ProduceOne(size_t broker, const Topic& topic, Place& place, std::string_view batch);
  std::string DescribeConfigs(const Request& request) const;
  std::string DescribeProducers(const Request& request) const;
  // nullptr: it is the id of a previous topic of that name.
  Topic* TopicOf(const wire::TopicId& id);
  // nullptr: not found.
  Topic* Find(const std::string& name);
  void Begin(Topic& topic, size_t partitions);
  std::vector<Record> RecordsOf(const std::vector<uint64_t>& tokens) const;

  mutable Random random_;
  Chances chances_;
  const uint64_t poison_percent_;
  const size_t batch_bytes_max_;
  std::vector<Broker> brokers_;
  std::map<std::string, Topic> topics_;
  std::vector<Record> records_;  // indexed by the token in a partition's log
  int64_t next_producer_id_ = 1000;
  uint64_t last_topic_id_ = 0;
};

}  // namespace ei::support
