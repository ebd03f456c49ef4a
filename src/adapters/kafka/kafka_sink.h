#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "adapters/kafka/producer.h"
#include "app/ports/event_sink.h"
#include "base/mutex.h"
#include "base/result.h"

namespace ei::kafka {

// Events to Kafka: one idempotent producer for all lanes, and a second one, made when first needed, for
// records that must be alone in their request. After a fatal error the next Send puts a new producer in the
// broken one's place.
//
// Order: a lane's first Send after such a change fails as a whole (kTransient). So the worker gathers what
// the break took back before anything of the lane goes to the new producer, and nothing overtakes it.
class KafkaSink final : public app::EventSink, private Producer::Listener {
 public:
  // Needs no broker: without one, events wait in the producer.
  static base::Result<std::unique_ptr<KafkaSink>> Create(const KafkaOptions& options, app::Log& log);

  void Attach(size_t lane, app::DeliveryListener& listener) override { listeners_[lane] = &listener; }
  void Send(size_t lane, std::span<const app::OutboundEvent> events, app::Grouping grouping,
            uint64_t failures_seen) override;
  void SendDeadLetter(size_t lane, const app::OutboundEvent& event, const app::DeadLetterNote& note) override;
  void Flush() override;
  bool Reached() const override;

  // Takes the place of options.topics. A topic's compression holds from its first record on, so that of a
  // topic in use changes only with the next producer.
  void UseTopics(std::vector<TopicOptions> topics) { topics_.Replace(std::move(topics)); }

 private:
  KafkaSink(const KafkaOptions& options, app::Log& log)
      : options_(options),
        log_(log),
        topics_(options.topic, options.dlq_topic, options.topics),
        listeners_(options.lanes, nullptr),
        failures_(options.lanes),
        lane_producers_(options.lanes, 0) {}

  void OnReport(void* opaque, rd_kafka_resp_err_t error, std::string_view reason, Place place) override;
  void OnReportsEnd() override;

  struct Chosen {
    std::shared_ptr<Producer> producer;  // null when none can be made
    uint64_t number = 0;                 // counts the changes
  };
  // The producer to use now, a working one if one can be made.
  Chosen Choose(bool sole) EXCLUDES(mutex_);
  void FailAll(size_t lane, std::span<const app::OutboundEvent> events, std::string_view reason);

  const KafkaOptions options_;
  app::Log& log_;
  Topics topics_;
  std::vector<app::DeliveryListener*> listeners_;  // by lane
  std::vector<std::atomic<uint64_t>> failures_;    // by lane: failed reports given or about to be
  std::vector<uint64_t> lane_producers_;  // by lane: the number of the one it last sent to; the lane's thread
  mutable std::atomic<bool> reached_{false};
  mutable base::Mutex mutex_;
  Chosen together_ GUARDED_BY(mutex_);
  Chosen alone_ GUARDED_BY(mutex_);
};

}  // namespace ei::kafka
