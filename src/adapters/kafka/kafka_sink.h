#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
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

// Delivers events to Kafka. Each lane has its own producer and connections (KafkaLane); this class has what
// lanes share: credentials, topic settings, and the reports about the cluster.
class KafkaSink final : public EventSink, public CredentialUser {
 public:
  // Needs no broker. All references and pointers must outlive the sink. `limits`, if not null, receives the
  // record size limits of topics.
  static base::Result<std::unique_ptr<KafkaSink>> Create(const KafkaOptions& options, const ei::Clock& clock,
                                                         Log& log, Telemetry* telemetry = nullptr,
                                                         TopicLimits* limits = nullptr);
  // No lane may be running. Events that aren't delivered are dropped.
  ~KafkaSink() override;

  SinkLane& Lane(size_t lane) override;
  bool IsStalled(std::string_view topic, std::optional<uint32_t> key_hash) const override {
    return reports_.IsStalled(topics_.NameOf(topic), key_hash);
  }
  void OnStalls(std::function<void(std::vector<StalledTopic>)> callback) override {
    reports_.OnStalls(std::move(callback));
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

  // For the lanes; any thread.
  bool HasCredentials() const EXCLUDES(mutex_);
  bool HasExpiredToken() const EXCLUDES(mutex_);
  base::Result<std::unique_ptr<native::SaslExchange>> MakeSasl() const EXCLUDES(mutex_);
  std::shared_ptr<native::TlsContext> Tls() const EXCLUDES(mutex_);
  native::TopicQueue::Rules RulesOf(std::string_view topic);
  // Changes whenever RulesOf may return something else.
  uint64_t RulesVersion() const { return rules_version_.load(std::memory_order_acquire); }
  void WatchLimits(std::string_view topic);
  void RequestLimits();
  void OnReplicas(const std::string& topic, uint32_t replicas) EXCLUDES(mutex_);

  wire::Codec CodecFor(std::string_view topic) const;
  void NotifyLanes();
  void OnTopicKnown(std::string_view topic, const SizeLimits::Known& known);
  void OnNewRules();

  const KafkaOptions options_;
  const ei::Clock& clock_;
  Log& log_;
  Telemetry* const telemetry_;  // may be null
  TopicLimits* const limits_;   // may be null
  Topics topics_;
  ClusterReports reports_;
  SizeLimits size_limits_;  // lane 0 sends the requests
  std::atomic<uint64_t> rules_version_{1};

  mutable base::Mutex mutex_;
  std::string password_ GUARDED_BY(mutex_);
  std::optional<AccessToken> token_ GUARDED_BY(mutex_);
  std::shared_ptr<native::TlsContext> tls_ GUARDED_BY(mutex_);
  std::map<std::string, uint32_t, std::less<>> replicas_ GUARDED_BY(mutex_);  // by topic

  std::vector<std::unique_ptr<KafkaLane>> lanes_;
};

}  // namespace ei::kafka
