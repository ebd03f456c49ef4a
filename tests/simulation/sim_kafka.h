#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/kafka/native/network.h"
#include "adapters/kafka/native/producer.h"
#include "support/random.h"
#include "support/sim_brokers.h"

namespace ei::simulation {

using kafka::native::Outgoing;
using kafka::native::Producer;

// Connects a producer to SimBrokers through simulated connections in simulated time, with random faults:
// connections that end before or after a request, answers that end at any byte, brokers that go down, stall
// and throttle.
class SimKafka final : public kafka::native::Network {
 public:
  struct Faults {
    support::SimBrokers::Chances brokers;
    uint64_t cut_percent = 0;       // of requests: the connection ends before or after it is handled
    uint64_t short_percent = 0;     // of answers: cut at any byte
    uint64_t move_percent = 0;      // of requests: a leader moves first
    uint64_t down_percent = 0;      // of requests: the broker goes down for a while
    uint64_t again_percent = 0;     // of requests: the topic is deleted first, and recreated later
    uint64_t grow_percent = 0;      // of requests: the topic has more partitions afterwards
    uint64_t broken_percent = 0;    // of requests: the topic rejects all records for a while; once per run
    uint64_t throttle_percent = 0;  // of produce answers
    uint64_t stall_percent = 0;     // of produce requests: never answered
  };

  static constexpr const char* kTopic = "events";

  SimKafka(uint64_t seed, const Faults& faults, int brokers, int partitions);

  std::vector<kafka::native::Address> Bootstrap() const;
  // Starts a new producer process; the previous one is gone. Data that the previous one wrote may still
  // arrive until its connections end.
  void Serve(Producer& producer);
  // Kills the process: nothing that it writes from now on arrives.
  void Mute() { muted_ = true; }

  base::SteadyTime Now() const { return now_; }
  // Advances time to the next simulated event, or to `until`.
  void Advance(base::SteadyTime until);
  // Stops all random faults.
  void Heal();

  const support::SimBrokers& Brokers() const { return brokers_; }
  support::SimBrokers& Brokers() { return brokers_; }
  // How many times the topic was recreated, and got more partitions.
  int TimesMadeAgain() const { return times_made_again_; }
  int TimesGrown() const { return times_grown_; }

  void Connect(uint64_t number, const std::string& host, uint16_t port) override;
  void Write(uint64_t number, Outgoing out) override;
  void Close(uint64_t number) override;

 private:
  using Request = support::SimBrokers::Request;
  struct Peer {
    size_t broker = 0;
    std::string input;
    base::SteadyTime written_by;  // all data written so far has arrived by then
    bool busy = false;            // a request is being handled
    base::SteadyTime muted_until;
  };

  bool Percent(uint64_t percent) { return random_.Below(100) < percent; }
  base::Duration Latency() { return std::chrono::microseconds(random_.Between(50, 5000)); }
  void At(base::SteadyTime time, std::function<void()> what) { events_.emplace(time, std::move(what)); }
  // For the current producer; its connection numbers start at 0 again.
  uint64_t Own(uint64_t number) const { return first_connection_ + number; }
  Producer* OwnerOf(uint64_t connection) { return connection < first_connection_ ? nullptr : producer_; }
  Peer* Find(uint64_t connection);
  void Cut(uint64_t connection);
  void TakeUp(uint64_t connection);
  void Handle(uint64_t connection, const Request& request);
  void Answer(uint64_t connection, std::string frame);
  void TakeDown(size_t broker);
  void HarmTopic();

  support::Random random_;
  Faults faults_;
  support::SimBrokers brokers_;
  int times_made_again_ = 0;
  int times_grown_ = 0;
  bool deleted_ = false;
  bool was_broken_ = false;
  Producer* producer_ = nullptr;
  uint64_t first_connection_ = 0;
  bool muted_ = false;
  base::SteadyTime now_{std::chrono::seconds(1)};
  std::multimap<base::SteadyTime, std::function<void()>> events_;
  std::map<uint64_t, std::unique_ptr<Peer>> peers_;
};

}  // namespace ei::simulation
