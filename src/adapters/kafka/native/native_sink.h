#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "adapters/kafka/credential_keeper.h"
#include "adapters/kafka/kafka_options.h"
#include "adapters/kafka/native/producer.h"
#include "adapters/kafka/native/socket_network.h"
#include "adapters/kafka/size_limits.h"
#include "adapters/kafka/topics.h"
#include "app/ports/clock.h"
#include "app/ports/event_sink.h"
#include "app/ports/log.h"
#include "app/ports/telemetry.h"
#include "app/topic_limits.h"
#include "base/mutex.h"
#include "base/result.h"

namespace ei::kafka::native {

// Events to Kafka by the producer of our own. A lane's thread writes its events into batches; one thread has
// the producer, its connections and all reports.
//
// An event whose topic isn't known yet waits here for the first answer about it. What a broker refuses for
// the record's own sake is kEventInvalid at once: the answer names the record (KIP-467), or it was found by
// halving. Everything else is tried on by the producer and reported when it is over; so kTransient occurs
// only when the sink ends, and for what is sent behind a kUnknownTopic (see EventSink::Send).
class NativeSink final : public app::EventSink, public CredentialUser, private ProducerListener {
 public:
  // Needs no broker. What is handed over here outlives the sink; `limits` is told what topics take.
  static base::Result<std::unique_ptr<NativeSink>> Create(const KafkaOptions& options,
                                                          const app::Clock& clock, app::Log& log,
                                                          app::Telemetry* telemetry = nullptr,
                                                          app::TopicLimits* limits = nullptr);
  // What isn't delivered is reported as kTransient.
  ~NativeSink() override;

  void Attach(size_t lane, app::DeliveryListener& listener) override { listeners_[lane] = &listener; }
  app::Destinations DestinationsOf(const app::OutboundEvent& event) const override;
  app::Destinations DestinationsOf(uint32_t topic, uint32_t key_hash) const override;
  void Send(size_t lane, std::span<const app::OutboundEvent> events, app::Grouping grouping,
            uint64_t failures_seen) override;
  void SendDeadLetter(size_t lane, const app::OutboundEvent& event, const app::DeadLetterNote& note) override;
  void Flush() override {}
  app::SinkStatus Status() const override;

  void OnPassword(const std::string& password) override;
  base::Result<void> OnToken(const app::AccessToken& token) override;
  void OnNoToken(const base::Error& error) override;
  base::Result<void> OnCertificates() override;
  void OnRound() override {}

  // By broker; further brokers than kBrokersShownMax are counted together. Thread-safe.
  struct BrokerCounts {
    uint64_t let_in = 0;     // to a new connection, or with a renewed login
    uint64_t requests = 0;   // to produce
    base::Duration time{0};  // from sending them to their answers
  };
  static constexpr size_t kBrokersShownMax = 100;
  std::map<std::string, BrokerCounts, std::less<>> Brokers() const EXCLUDES(brokers_mutex_);

  void UseTopics(std::vector<TopicOptions> topics) { topics_.Replace(std::move(topics)); }

 private:
  // From a lane to the producer: records of one partition, or an event whose partition isn't known.
  struct Handed {
    std::string_view topic;            // one that topics_ keeps
    int32_t partition = -1;            // -1: not known; then it is one record
    std::optional<uint32_t> key_hash;  // of that record
    std::unique_ptr<Batch> batch;
    uint64_t failures_seen = 0;   // by its lane when it was sent
    base::SteadyTime since = {};  // that it has waited for its topic
  };

  NativeSink(const KafkaOptions& options, const app::Clock& clock, app::Log& log, app::Telemetry* telemetry,
             app::TopicLimits* limits);
  base::Result<void> Open();
  Producer::Options ProducerOptions();
  base::Result<std::unique_ptr<SaslExchange>> MakeSasl();

  // What one Send makes of its events.
  struct Gathered {
    size_t lane = 0;
    int64_t now_ms = 0;
    uint64_t failures_seen = 0;
    std::vector<Handed> handed = {};
    std::map<app::DestinationId, size_t> open = {};  // which of `handed` takes a destination's next event
  };
  void AddRun(std::span<const app::OutboundEvent> events, Gathered& gathered);
  wire::Codec CodecFor(std::string_view topic) const;
  void Hand(std::vector<Handed> handed) EXCLUDES(inbox_mutex_);
  void TakeInbox() EXCLUDES(inbox_mutex_);
  void Place(Handed handed);
  void Run();
  void Turn();
  void AskForConfigs(base::SteadyTime now);
  int64_t NowMs() const;

  void Report(uint64_t packed, app::DeliveryReport report);
  void Refuse(const Batch& batch, app::Verdict verdict, std::string_view code, std::string_view reason,
              std::string_view topic);
  // The same for events of a topic that can't be placed: what their lanes have sent behind them follows.
  void GiveBack(const Batch& batch, app::Verdict verdict, std::string_view code, std::string_view reason,
                std::string_view topic);
  bool IsBehindGivenBack(const Handed& handed) const;
  void GiveReports();
  void FailAll(size_t lane, std::span<const app::OutboundEvent> events, std::string_view reason);

  // ProducerListener
  void OnDelivered(const Partition& partition, const Batch& batch, int64_t base_offset) override;
  void OnRejected(const Partition& partition, uint64_t token, std::string_view code,
                  std::string_view reason) override;
  void OnPartitionGone(const Partition& partition, const Batch& batch, bool topic_missing) override;
  void OnTopic(const std::string& topic, const ClusterView::Topic& told) override;
  void OnFault(std::string_view code, const std::string& where, std::string_view detail) override;
  void OnContact(const std::string& where) override;
  void OnRefused(const std::string& where, std::string_view detail) override;
  void OnProduced(const std::string& where, base::Duration took) override;
  void OnPause(const std::string& where, base::Duration pause) override;
  void OnRepeats(uint32_t records) override;
  void OnPossibleRepeats(uint32_t records) override;
  void OnTopicConfigs(const wire::DescribeConfigsResponse* response) override;

  void OnTopicKnown(std::string_view topic, const SizeLimits::Known& known);
  BrokerCounts& CountsOf(const std::string& broker) REQUIRES(brokers_mutex_);
  void TellRefusal(std::string_view code, std::string_view where, std::string_view detail);

  // A record's token in its batch: the lane, whether it is a dead letter, and the worker's token.
  static constexpr int kLaneShift = 56;
  static constexpr uint64_t kLetterBit = uint64_t{1} << 55;
  static constexpr uint64_t kTokenMask = kLetterBit - 1;
  static uint64_t Pack(size_t lane, uint64_t token, uint64_t bits = 0) {
    return uint64_t{lane} << kLaneShift | bits | token;
  }
  static size_t LaneOf(uint64_t packed) { return packed >> kLaneShift; }

  const KafkaOptions options_;
  const app::Clock& clock_;
  app::Log& log_;
  app::Telemetry* const telemetry_;  // may be null
  app::TopicLimits* const limits_;   // may be null
  mutable Topics topics_;
  std::vector<app::DeliveryListener*> listeners_;  // by lane
  std::vector<std::atomic<uint64_t>> failures_;    // by lane: failed reports given or about to be

  base::Mutex inbox_mutex_;
  std::vector<Handed> inbox_ GUARDED_BY(inbox_mutex_);
  bool stopped_ GUARDED_BY(inbox_mutex_) = false;

  mutable base::Mutex brokers_mutex_;
  std::map<std::string, BrokerCounts, std::less<>> brokers_ GUARDED_BY(brokers_mutex_);

  std::atomic<bool> reached_{false};
  std::atomic<bool> tried_{false};
  std::atomic<bool> refused_{false};
  std::atomic<int64_t> pause_nanos_{0};

  // The producer's thread has all below.
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  SizeLimits size_limits_;
  std::unique_ptr<SocketNetwork> network_;
  std::unique_ptr<Producer> producer_;
  std::map<std::string, uint32_t, std::less<>> replicas_;  // by topic
  std::map<std::string, std::vector<Handed>, std::less<>>
      waiting_;  // by topic, whose partitions aren't known
  // By topic and lane: the lane's failures when an event of it was given back last. What was sent before the
  // lane knew of these may not overtake it.
  std::map<std::string, std::vector<uint64_t>, std::less<>> given_back_;
  std::vector<std::vector<app::DeliveryReport>> reports_;      // by lane
  std::map<std::string, base::Duration, std::less<>> pauses_;  // by broker
  std::string password_;
  std::optional<app::AccessToken> token_;
  bool refusal_logged_ = false;  // of the present credentials
  bool turn_due_ = false;

  std::thread thread_;
};

}  // namespace ei::kafka::native
