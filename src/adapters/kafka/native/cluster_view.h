#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/wire/messages.h"
#include "base/time.h"

namespace ei::kafka::native {

struct Address {
  std::string host;
  uint16_t port = 0;
  friend bool operator==(const Address&, const Address&) = default;
};

// What the brokers have told about the cluster last: their addresses, and who leads the partitions of the
// topics that are watched. Everything in it is as old as the last answer. One thread.
class ClusterView {
 public:
  struct Leader {
    int32_t node = -1;  // -1: nobody
    int32_t epoch = -1;
    friend bool operator==(const Leader&, const Leader&) = default;
  };
  struct Topic {
    bool told = false;  // an answer has spoken of it
    wire::ErrorCode error = wire::ErrorCode::kNone;
    wire::TopicId id;
    std::vector<Leader> partitions;  // by index; empty while the topic isn't known
    // What the last answers said instead, where their epoch was lower.
    struct Lagging {
      Leader leader;
      int32_t node = -1;  // that said so
      uint32_t answers = 0;
    };
    std::vector<Lagging> lagging;
    uint32_t missing_answers = 0;  // in a row, by which there is no such topic
    uint32_t replicas = 0;         // of the partition that has most
  };

  // Brokers of one cluster, and partitions of one topic, that are kept; a larger answer is no broker's.
  static constexpr size_t kBrokersMax = 10'000;
  // So many answers in a row of one broker, or two of different ones, take a leader's epoch back.
  static constexpr uint32_t kLaggingAnswersMax = 5;
  static constexpr size_t kPartitionsMax = 0xffff;

  void Watch(const std::string& topic) { topics_.try_emplace(topic); }
  std::vector<std::string> Watched() const;

  // What the broker `node` says. False: the answer can't be a broker's, and is passed over.
  bool Take(int32_t node, const wire::MetadataResponse& response);

  // The end points of leader hints (KIP-951).
  void TakeHints(const std::vector<wire::BrokerAddress>& brokers);
  // From a produce answer: only newer epochs count.
  void TakeHint(const std::string& topic, int32_t partition, const wire::LeaderHint& hint);

  const std::map<int32_t, Address>& Brokers() const { return brokers_; }
  const Address* Find(int32_t node) const;
  // Null: not watched.
  const Topic* Find(const std::string& topic) const;
  Leader LeaderOf(const std::string& topic, int32_t partition) const;

  // All watched topics that the last answer spoke of.
  const std::map<std::string, Topic>& Topics() const { return topics_; }

 private:
  std::map<int32_t, Address> brokers_;
  std::map<std::string, Topic> topics_;
};

}  // namespace ei::kafka::native
