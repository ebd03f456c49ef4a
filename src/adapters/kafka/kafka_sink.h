#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/credential_keeper.h"
#include "adapters/kafka/producer.h"
#include "app/ports/event_sink.h"
#include "app/ports/telemetry.h"
#include "app/topic_limits.h"
#include "base/mutex.h"
#include "base/result.h"

namespace ei::kafka {

// Events to Kafka: one idempotent producer for all lanes; and, made when first needed, one for topics that
// take smaller batches only (its batch.size is the least of their limits), and one for records that must be
// alone in their request. A topic that becomes limited has another layout, so that its order holds. After a
// fatal error the next Send puts a new producer in the broken one's place.
//
// Order: a lane's first Send after such a change fails as a whole (kTransient). So the worker gathers what
// the break took back before anything of the lane goes to the new producer, and nothing overtakes it.
//
// New certificates need a new producer too. It waits until the old one has reported everything; meanwhile
// what is sent fails (kTransient), so that no record is on its way twice.
class KafkaSink final : public app::EventSink, public CredentialUser, private Producer::Listener {
 public:
  // Needs no broker: without one, events wait in the producer. What is handed over here outlives the sink;
  // `limits` is told what topics take.
  static base::Result<std::unique_ptr<KafkaSink>> Create(const KafkaOptions& options, app::Log& log,
                                                         app::Telemetry* telemetry = nullptr,
                                                         app::TopicLimits* limits = nullptr);

  void Attach(size_t lane, app::DeliveryListener& listener) override { listeners_[lane] = &listener; }
  app::Destinations DestinationsOf(const app::OutboundEvent& event) const override;
  app::Destinations DestinationsOf(uint32_t topic, uint32_t key_hash) const override;
  void Send(size_t lane, std::span<const app::OutboundEvent> events, app::Grouping grouping,
            uint64_t failures_seen) override;
  void SendDeadLetter(size_t lane, const app::OutboundEvent& event, const app::DeadLetterNote& note) override;
  void Flush() override;
  app::SinkStatus Status() const override;

  // For a CredentialKeeper, beside all of the above.
  void OnPassword(const std::string& password) override;
  base::Result<void> OnToken(const app::AccessToken& token) override;
  void OnNoToken(const base::Error& error) override;
  base::Result<void> OnCertificates() override;
  void OnRound() override;

  // Takes the place of options.topics. A topic's compression holds from its first record on, so that of a
  // topic in use changes only with the next producer.
  void UseTopics(std::vector<TopicOptions> topics) { topics_.Replace(std::move(topics)); }

 private:
  KafkaSink(const KafkaOptions& options, app::Log& log, app::Telemetry* telemetry, app::TopicLimits* limits)
      : options_(options),
        log_(log),
        telemetry_(telemetry),
        limits_(limits),
        topics_(options.topic, options.dlq_topic, options.topics),
        listeners_(options.lanes, nullptr),
        failures_(options.lanes),
        batch_bytes_(BatchBytesOf(options)),
        lane_producers_(options.lanes),
        limited_bytes_(batch_bytes_) {}
  static uint64_t BatchBytesOf(const KafkaOptions& options);

  void OnReport(void* opaque, rd_kafka_resp_err_t error, std::string_view reason, Place place) override;
  void OnReportsEnd() override;
  void OnFault(std::string_view code) override;
  void OnTopicKnown(std::string_view topic, const SizeLimits::Known& known) override;
  void OnBatchTooLarge(std::string_view topic, uint64_t bytes) override;
  void LimitBatches(std::string_view topic, uint64_t bytes_max) EXCLUDES(mutex_);

  struct Chosen {
    std::shared_ptr<Producer> producer;  // null when none can be made
    uint64_t number = 0;                 // counts the changes
    std::shared_ptr<Producer> next;      // takes over when the other has reported everything
    int rounds = 0;                      // that it has waited
    base::SteadyTime next_since;         // when it began to
  };
  enum class Kind : uint8_t { kTogether, kLimited, kAlone };
  static constexpr size_t kKinds = 3;
  Chosen& Of(Kind kind) REQUIRES(mutex_) { return chosen_[static_cast<size_t>(kind)]; }
  const Chosen& Of(Kind kind) const REQUIRES(mutex_) { return chosen_[static_cast<size_t>(kind)]; }
  // The producer to use now, a working one if one can be made.
  Chosen Choose(Kind kind) EXCLUDES(mutex_);
  base::Result<std::shared_ptr<Producer>> MakeProducer(Kind kind) REQUIRES(mutex_);
  // Makes the producer that takes over from this kind's as soon as that is done. Returns the one that was to
  // do so until now, if any.
  base::Result<std::shared_ptr<Producer>> PrepareNext(Kind kind) REQUIRES(mutex_);
  void SendBy(Kind kind, size_t lane, std::span<const app::OutboundEvent> events, uint64_t failures_seen);
  // Lets the next producer take over if the one before is done, or can't be waited for; returns that one.
  std::shared_ptr<Producer> TakeOver(Chosen& chosen, bool at_once) REQUIRES(mutex_);
  std::vector<std::shared_ptr<Producer>> Producers() EXCLUDES(mutex_);
  // The first contact is the sink's, whichever producer made it.
  void RememberContact(const Producer& producer) const;
  void FailAll(size_t lane, std::span<const app::OutboundEvent> events, std::string_view reason);

  const KafkaOptions options_;
  app::Log& log_;
  app::Telemetry* const telemetry_;  // may be null
  app::TopicLimits* const limits_;   // may be null
  mutable Topics topics_;
  std::vector<app::DeliveryListener*> listeners_;  // by lane
  std::vector<std::atomic<uint64_t>> failures_;    // by lane: failed reports given or about to be
  const uint64_t batch_bytes_;                     // of a batch, as the client gathers them
  // By lane and kind: the number of the producer that it last sent to; the lane's thread.
  std::vector<std::array<uint64_t, kKinds>> lane_producers_;
  mutable std::atomic<bool> reached_{false};
  std::atomic<bool> token_missed_{false};
  mutable base::Mutex mutex_;
  std::array<Chosen, kKinds> chosen_ GUARDED_BY(mutex_);  // by kind
  // As batch_bytes_, of the producer for limited topics; only falls.
  uint64_t limited_bytes_ GUARDED_BY(mutex_);
  std::optional<app::AccessToken> token_ GUARDED_BY(mutex_);
};

}  // namespace ei::kafka
