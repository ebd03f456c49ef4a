#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/native/network.h"
#include "adapters/kafka/native/producer.h"
#include "simulation/sim_partition.h"
#include "support/random.h"

namespace ei::simulation {

using kafka::native::Outgoing;
using kafka::native::Producer;

// A Kafka cluster at the end of simulated connections, on simulated time, with what real brokers were seen to
// do (docs/KAFKA.md) and with faults by chance: it reads what the producer writes byte by byte, and answers
// in the versions that each broker happens to know.
class SimKafka final : public kafka::native::Network {
 public:
  struct Faults {
    uint64_t cut_percent = 0;       // of requests: the connection ends, before or after it was handled
    uint64_t short_percent = 0;     // of answers: they end at any byte
    uint64_t refused_percent = 0;   // of partitions in a request: a passing fault
    uint64_t move_percent = 0;      // of requests: a leader moves before it
    uint64_t down_percent = 0;      // of requests: the broker goes down for a while
    uint64_t throttle_percent = 0;  // of produce answers
    uint64_t stall_percent = 0;     // of produce requests: the answer never comes
    uint64_t poison_percent = 0;    // of records: the topic's rules refuse them
    bool known_last = true;         // DescribeProducers tells
  };

  static constexpr const char* kTopic = "events";

  SimKafka(uint64_t seed, const Faults& faults, int brokers, int partitions);

  std::vector<kafka::native::Address> Bootstrap() const;
  void Serve(Producer& producer) { producer_ = &producer; }

  base::SteadyTime Now() const { return now_; }
  // Lets time pass to the next thing that happens, or to `until`.
  void Advance(base::SteadyTime until);
  // From now on nothing fails.
  void Heal() { faults_ = {}; }

  // What a partition holds: the tokens in its records' keys.
  const std::vector<uint64_t>& Log(int partition) const {
    return partitions_[static_cast<size_t>(partition)].kept.log;
  }
  bool IsPoison(uint64_t token) const;

  void Connect(uint64_t connection, const std::string& host, uint16_t port) override;
  void Write(uint64_t connection, Outgoing out) override;
  void Close(uint64_t connection) override;

 private:
  struct Versions {
    int16_t produce = 13;
    int16_t metadata = 13;
    int16_t init = 4;
    int16_t api = 4;
    bool describe_producers = true;
  };
  struct Broker {
    bool up = true;
    Versions versions;
  };
  struct SimPartitionPlace {
    int leader = 0;
    int32_t epoch = 0;
    SimPartition kept;
  };
  struct Peer {
    int broker = 0;
    std::string input;
    base::SteadyTime written_by;  // what was written last is there then
    bool busy = false;  // with a request
    base::SteadyTime muted_until;
  };
  struct Asked {
    int16_t api = 0;
    int16_t version = 0;
    int32_t correlation = 0;
    std::string body;
  };

  bool Percent(uint64_t percent) { return random_.Below(100) < percent; }
  base::Duration Latency() { return std::chrono::microseconds(random_.Between(50, 5000)); }
  void At(base::SteadyTime time, std::function<void()> what) { events_.emplace(time, std::move(what)); }
  Peer* Find(uint64_t connection);
  void Cut(uint64_t connection);
  void TakeUp(uint64_t connection);
  void Handle(uint64_t connection, const Asked& asked);
  void Answer(uint64_t connection, const Asked& asked, std::string body);
  std::string Versions_(int broker, const Asked& asked);
  std::string Metadata(const Asked& asked);
  std::string InitProducerId(const Asked& asked);
  std::string Produce(uint64_t connection, int broker, const Asked& asked, int32_t throttle_ms);
  std::string DescribeProducers(const Asked& asked);
  wire::PartitionProduced ProduceOne(int broker, int32_t partition, std::string_view batch);
  void MoveLeader(SimPartitionPlace& partition);
  void TakeDown(int broker);

  support::Random random_;
  Faults faults_;
  std::vector<Broker> brokers_;
  std::vector<SimPartitionPlace> partitions_;
  wire::TopicId id_{1, 2};
  Producer* producer_ = nullptr;
  base::SteadyTime now_{std::chrono::seconds(1)};
  std::multimap<base::SteadyTime, std::function<void()>> events_;
  std::map<uint64_t, std::unique_ptr<Peer>> peers_;
  uint64_t poison_percent_;
  int64_t next_producer_id_ = 1000;
};

}  // namespace ei::simulation
