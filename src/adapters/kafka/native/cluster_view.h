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

// What the brokers last reported about the cluster: their addresses, and the leaders of the partitions of
// watched topics. Everything is as old as the last answer. One thread.
class ClusterView {
 public:
  struct Leader {
    int32_t node = -1;  // -1: none
    int32_t epoch = -1;
    friend bool operator==(const Leader&, const Leader&) = default;
  };
  struct Topic {
    // This many answers in a row must say that the topic doesn't exist: a broker that is starting says so of
    // any topic.
    static constexpr uint32_t kMissingAnswers = 8;

    bool answered = false;  // an answer had this topic
    wire::ErrorCode error = wire::ErrorCode::kNone;
    wire::TopicId id;
    std::vector<Leader> partitions;  // by index; empty while the topic is unknown
    // The last answers that reported a lower epoch than the known one.
    struct Lagging {
      Leader leader;
      int32_t node = -1;     // the broker that reported it
      uint32_t answers = 0;  // in a row
    };
    std::vector<Lagging> lagging;
    uint32_t missing_answers = 0;  // in a row that said that the topic doesn't exist
    uint32_t replicas = 0;         // the largest replica count of its partitions

    bool Missing() const { return missing_answers >= kMissingAnswers; }
  };

  // Upper bounds of brokers in a cluster and partitions in a topic. An answer with more brokers is ignored as
  // invalid, and so is the part about a topic with more partitions.
  static constexpr size_t kBrokersMax = 10'000;
  // A lower leader epoch replaces the known one after this many equal answers in a row from one broker, or
  // two from different brokers.
  static constexpr uint32_t kLaggingAnswersMax = 5;
  static constexpr size_t kPartitionsMax = 0xffff;

  void Watch(const std::string& topic) { topics_.try_emplace(topic); }
  std::vector<std::string> Watched() const;

  // Applies the answer of broker `node`. Returns false if the answer is invalid; it is then ignored.
  bool Update(int32_t node, const wire::MetadataResponse& response);

  // Adds the broker addresses of leader hints (KIP-951).
  void UpdateBrokers(const std::vector<wire::BrokerAddress>& brokers);
  // Applies a leader hint of a produce answer if its epoch is newer.
  void UpdateLeader(const std::string& topic, int32_t partition, const wire::LeaderHint& hint);

  const std::map<int32_t, Address>& Brokers() const { return brokers_; }
  const Address* Find(int32_t node) const;
  // Null: the topic isn't watched.
  const Topic* Find(const std::string& topic) const;
  Leader LeaderOf(const std::string& topic, int32_t partition) const;

  // All watched topics.
  const std::map<std::string, Topic>& Topics() const { return topics_; }

 private:
  std::map<int32_t, Address> brokers_;
  std::map<std::string, Topic> topics_;
};

}  // namespace ei::kafka::native
