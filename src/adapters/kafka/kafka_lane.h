#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "adapters/kafka/native/producer.h"
#include "adapters/kafka/native/socket_network.h"
#include "adapters/kafka/native/topic_queue.h"
#include "delivery/event_sink.h"

namespace ei::kafka {

class KafkaSink;

// A lane of the Kafka sink: the producer, connections and queues of one thread. Lanes share nothing except
// the members of KafkaSink.
class KafkaLane final : public SinkLane,
                        private native::ProducerListener,
                        private native::TopicQueueListener {
 public:
  // The sink must outlive the lane. Only lane 0 requests the topics' settings.
  KafkaLane(KafkaSink& sink, size_t number, std::vector<native::Address> bootstrap);

  void Attach(DeliveryListener& listener, SentLog* sent) override;
  void Add(const JournalEvent& event) override;
  void AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote& note) override;
  void Run(base::SteadyTime until) override;
  void Wake() override;
  uint64_t InFlight() const override { return in_flight_.load(std::memory_order_relaxed); }

  // There are new credentials. Any thread.
  void OnCredentials();
  // Makes the lane run a turn, because rules or topics to request have changed. Any thread.
  void ScheduleTurn();

 private:
  native::Producer::Options ProducerOptions(std::vector<native::Address> bootstrap);
  native::TopicQueue& QueueNamed(std::string_view name);
  native::TopicQueue& QueueOf(std::string_view topic);
  // Like QueueOf, for a topic that events go to. From the first call on, the topic's limits are requested and
  // reported to TopicLimits.
  native::TopicQueue& EventQueueOf(std::string_view topic);
  native::Instant Now() const;
  void Turn();
  base::SteadyTime NextTurn() const;
  void CheckStalled(base::SteadyTime now);
  void RequestConfigs(base::SteadyTime now);

  // PartitionListener
  void OnDelivered(const native::Partition& partition, const native::Batch& batch, int64_t base_offset,
                   bool repeat) override;
  void OnRejected(const native::Partition& partition, std::unique_ptr<native::Batch> rejected,
                  std::string_view code, std::span<const std::string> reasons) override;
  void OnRetried(uint32_t records) override;
  void OnPossibleRepeats(uint32_t records) override;
  void OnPartitionFault(const native::Partition& partition, std::string_view code,
                        std::string_view reason) override;
  void OnNumbered(const native::Partition& partition, const native::Batch& batch) override;
  void OnNumbersVoid(const native::Partition& partition, const native::Batch& batch) override;

  // BrokerListener
  void OnBrokerFault(std::string_view code, const std::string& where, std::string_view detail) override;
  void OnContact(const std::string& where) override;
  void OnRefused(const std::string& where, std::string_view detail) override;
  void OnProduced(const std::string& where, base::Duration took) override;
  void OnPause(const std::string& where, base::Duration pause) override;

  // ProducerListener
  void OnWriting() override;
  void OnPartitionGone(const native::Partition& partition, native::Batches batches) override;
  void OnTopic(const std::string& topic, const native::ClusterView::Topic& view) override;
  void OnTopicConfigs(const wire::DescribeConfigsResponse* response) override;

  // TopicQueueListener
  void OnUndeliverable(const std::string& topic, const native::Batch& records, std::string_view code,
                       std::span<const std::string> reasons, uint32_t attempts) override;
  void OnTopicFault(std::string_view code, const std::string& topic, std::string_view detail) override;

  KafkaSink& sink_;
  const size_t number_;
  DeliveryListener* listener_ = nullptr;
  SentLog* sent_ = nullptr;  // null: no notes are kept beyond the process
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<native::SocketNetwork> network_;
  std::unique_ptr<native::Producer> producer_;
  std::map<std::string, native::TopicQueue, std::less<>> queues_;  // by topic
  native::TopicQueue* last_queue_ = nullptr;                       // the queue of the last event
  std::set<const native::TopicQueue*> watched_;  // queues of topics whose limits are requested
  native::Instant now_;                          // about the time of the last turn
  uint64_t delivered_ = 0;
  base::SteadyTime stalled_check_at_;  // time of the next check
  bool stalled_reported_ = false;      // the last report was not empty
  base::SteadyTime next_turn_;         // of everything except the producer
  bool may_turn_ = false;              // false: there is no token yet
  uint64_t rules_version_ = 0;         // the version that the queues use
  bool interrupted_ = false;           // Run must return, because its caller has work to do
  std::atomic<bool> wake_due_{false};
  std::atomic<uint64_t> in_flight_{0};
};

}  // namespace ei::kafka
