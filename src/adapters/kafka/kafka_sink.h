#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/cluster_reports.h"
#include "adapters/kafka/credential_refresher.h"
#include "adapters/kafka/kafka_options.h"
#include "adapters/kafka/native/sasl.h"
#include "adapters/kafka/native/socket.h"
#include "adapters/kafka/native/topic_queue.h"
#include "adapters/kafka/size_limits.h"
#include "adapters/kafka/topics.h"
#include "adapters/kafka/wire/codec.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "delivery/event_sink.h"
#include "delivery/topic_limits.h"
#include "event/telemetry.h"

namespace ei::kafka {

class KafkaLane;

// Events to Kafka. Each lane has a producer and connections of its own (KafkaLane); here is what they share:
// credentials, what is known of topics, and what is told of the cluster.
class KafkaSink final : public EventSink, public CredentialUser {
 public:
  // Needs no broker. What is handed over here outlives the sink; `limits` is told what topics take.
  static base::Result<std::unique_ptr<KafkaSink>> Create(const KafkaOptions& options, const ei::Clock& clock,
                                                         Log& log, Telemetry* telemetry = nullptr,
                                                         TopicLimits* limits = nullptr);
  // The lanes run no more. What isn't delivered is dropped.
  ~KafkaSink() override;

  SinkLane& Lane(size_t lane) override;
  bool IsStalled(std::string_view topic, std::optional<uint32_t> key_hash) const override {
    return reports_.IsStalled(topics_.NameOf(topic), key_hash);
  }
  SinkStatus Status() const override;
  std::map<std::string, ClusterReports::BrokerCounts, std::less<>> Brokers() const {
    return reports_.Brokers();
  }

  void UseTopics(std::vector<TopicOptions> topics);

  void OnPassword(const std::string& password) override EXCLUDES(mutex_);
  base::Result<void> OnToken(const AccessToken& token) override EXCLUDES(mutex_);
  void OnNoToken(const base::Error& error) override;
  base::Result<void> OnCertificates() override EXCLUDES(mutex_);

 private:
  friend class KafkaLane;

  KafkaSink(const KafkaOptions& options, const ei::Clock& clock, Log& log, Telemetry* telemetry,
            TopicLimits* limits);
  base::Result<void> Open();

  // The lanes' side; any thread.
  bool HasCredentials() const EXCLUDES(mutex_);
  bool HasExpiredToken() const EXCLUDES(mutex_);
  base::Result<std::unique_ptr<native::SaslExchange>> MakeSasl() const EXCLUDES(mutex_);
  std::shared_ptr<native::TlsContext> Tls() const EXCLUDES(mutex_);
  native::TopicQueue::Rules RulesOf(std::string_view topic);
  // Another one when rules may be others.
  uint64_t RulesVersion() const { return rules_version_.load(std::memory_order_acquire); }
  void WatchLimits(std::string_view topic);
  void AskForLimits();
  void OnReplicas(const std::string& topic, uint32_t replicas) EXCLUDES(mutex_);

  wire::Codec CodecFor(std::string_view topic) const;
  void TellLanes();
  void OnTopicKnown(std::string_view topic, const SizeLimits::Known& known);
  void OnNewRules();

  const KafkaOptions options_;
  const ei::Clock& clock_;
  Log& log_;
  Telemetry* const telemetry_;  // may be null
  TopicLimits* const limits_;   // may be null
  Topics topics_;
  ClusterReports reports_;
  SizeLimits size_limits_;  // the first lane asks
  std::atomic<uint64_t> rules_version_{1};

  mutable base::Mutex mutex_;
  std::string password_ GUARDED_BY(mutex_);
  std::optional<AccessToken> token_ GUARDED_BY(mutex_);
  std::shared_ptr<native::TlsContext> tls_ GUARDED_BY(mutex_);
  std::map<std::string, uint32_t, std::less<>> replicas_ GUARDED_BY(mutex_);  // by topic

  std::vector<std::unique_ptr<KafkaLane>> lanes_;
};

}  // namespace ei::kafka
