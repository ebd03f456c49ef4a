#include "adapters/kafka/kafka_lane.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <random>
#include <utility>

#include <boost/asio/post.hpp>

#include "adapters/kafka/kafka_sink.h"
#include "adapters/kafka/native/sent_stamp.h"
#include "base/murmur2.h"
#include "delivery/dead_letter_headers.h"

namespace ei::kafka {

using native::Batch;
using native::Instant;
using native::Partition;
using native::TopicQueue;

namespace {

constexpr std::array<std::string_view, 3> kConfigNames = {"max.message.bytes", "cleanup.policy",
                                                          "min.insync.replicas"};
constexpr base::Duration kStalledCheckInterval = std::chrono::milliseconds(50);

uint64_t Seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

TopicConfig ConfigOf(const wire::TopicConfigs& configs) {
  TopicConfig config;
  for (const wire::ConfigValue& value : configs.values) {
    const std::string_view text = value.value.value_or("");
    if (value.name == "max.message.bytes") {
      std::from_chars(text.data(), text.data() + text.size(), config.message_bytes_max);
    } else if (value.name == "cleanup.policy") {
      config.compacted = text.find("compact") != std::string_view::npos;
    } else if (value.name == "min.insync.replicas") {
      std::from_chars(text.data(), text.data() + text.size(), config.in_sync_min);
    }
  }
  return config;
}

}  // namespace

KafkaLane::KafkaLane(KafkaSink& sink, size_t number, std::vector<native::Address> bootstrap)
    : sink_(sink), number_(number), work_(context_.get_executor()) {
  network_ = std::make_unique<native::SocketNetwork>(
      context_, native::SocketNetwork::Handlers{
                    [this](uint64_t connection) { producer_->OnConnected(connection, Now().steady); },
                    [this](uint64_t connection, std::string_view bytes) {
                      now_ = Now();
                      producer_->OnBytes(connection, bytes, now_.steady, now_.unix_ms);
                    },
                    [this](uint64_t connection) { producer_->OnWritten(connection); },
                    [this](uint64_t connection, std::string_view reason, bool refused) {
                      if (refused) sink_.reports_.CredentialsRejected(number_, "tls_failed", "TLS", reason);
                      now_ = Now();
                      producer_->OnClosed(connection, reason, now_.steady);
                    },
                });
  network_->UseTls(sink_.Tls());
  native::ProducerListener& self = *this;
  producer_ =
      std::make_unique<native::Producer>(ProducerOptions(std::move(bootstrap)), *network_, self, Seed());
  EventQueueOf({});
}

native::Producer::Options KafkaLane::ProducerOptions(std::vector<native::Address> bootstrap) {
  const KafkaOptions& settings = sink_.options_;
  native::Producer::Options options;
  options.connections.bootstrap = std::move(bootstrap);
  options.produce.timeout = settings.write_timeout;
  options.requests.timeout = settings.write_timeout;
  options.connections.link.timeout = settings.write_timeout;
  options.partition.retries = {settings.retry_backoff, kRetryBackoffMax, 0};
  if (settings.security.UsesSasl()) {
    options.connections.link.mechanism = settings.security.mechanism.value_or("");
    options.connections.link.make_sasl = [this] { return sink_.MakeSasl(); };
  }
  return options;
}

Instant KafkaLane::Now() const {
  const auto wall = sink_.clock_.WallNow().time_since_epoch();
  return {sink_.clock_.Now(), std::chrono::duration_cast<std::chrono::milliseconds>(wall).count()};
}

TopicQueue& KafkaLane::QueueOf(std::string_view topic) { return QueueNamed(sink_.topics_.NameOf(topic)); }

TopicQueue& KafkaLane::EventQueueOf(std::string_view topic) {
  TopicQueue& queue = QueueOf(topic);
  if (&queue == last_queue_) return queue;
  last_queue_ = &queue;
  if (watched_.insert(&queue).second) sink_.WatchLimits(queue.Name());
  return queue;
}

TopicQueue& KafkaLane::QueueNamed(std::string_view name) {
  if (last_queue_ != nullptr && last_queue_->Name() == name) return *last_queue_;
  auto found = queues_.find(name);
  if (found == queues_.end()) {
    const KafkaOptions& options = sink_.options_;
    const std::string owned(name);
    native::TopicQueueListener& self = *this;
    found =
        queues_
            .try_emplace(owned, owned,
                         TopicQueue::Options{options.unknown_topic_grace,
                                             {options.retry_backoff, kRetryBackoffMax, options.max_retries}},
                         *producer_, self, delivered_, Seed())
            .first;
    found->second.UseRules(sink_.RulesOf(name));
    next_turn_ = {};
  }
  return found->second;
}

// --- called by the worker

void KafkaLane::Attach(DeliveryListener& listener, SentLog* sent) {
  listener_ = &listener;
  sent_ = sent;
  if (sent_ == nullptr) return;
  now_ = Now();
  const native::Resumption resumption = native::TakeResumption(*sent_);
  for (const auto& [stamp, positions] : resumption.batches) {
    QueueNamed(stamp.topic).Resume(stamp, positions, now_);
  }
  OnPossibleRepeats(static_cast<uint32_t>(resumption.others));
}

void KafkaLane::Add(const JournalEvent& event) { EventQueueOf(event.topic).Add(event, now_); }

void KafkaLane::AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote& note) {
  const Headers fields = DeadLetterHeaders(note, event.context);
  std::vector<wire::RecordHeader> headers;
  for (const auto& [name, value] : fields) headers.push_back({name, value});
  QueueOf(sink_.topics_.DlqTopicOf(event.topic))
      .AddDeadLetter(token, event, note.reference.empty(), headers, now_);
}

void KafkaLane::Wake() {
  if (wake_due_.exchange(true)) return;
  boost::asio::post(context_, [this] {
    wake_due_.store(false);
    interrupted_ = true;
  });
}

void KafkaLane::OnCredentials() {
  boost::asio::post(context_, [this] {
    network_->UseTls(sink_.Tls());
    producer_->OnCredentials();
    next_turn_ = {};
  });
}

void KafkaLane::ScheduleTurn() {
  boost::asio::post(context_, [this] { next_turn_ = {}; });
}

base::SteadyTime KafkaLane::NextTurn() const {
  return may_turn_ ? std::min(producer_->NextTurn(), next_turn_) : next_turn_;
}

void KafkaLane::Run(base::SteadyTime until) {
  Turn();
  context_.poll();
  while (!interrupted_) {
    const base::SteadyTime now = sink_.clock_.Now();
    if (now >= until) break;
    const base::SteadyTime next = NextTurn();
    if (next <= now) {
      Turn();
    } else {
      OnWriting();  // writes the notes of settled events
      in_flight_.store(producer_->RecordsOut(), std::memory_order_relaxed);
      context_.run_one_until(std::min({until, next, now + std::chrono::minutes(1)}));
    }
    context_.poll();
  }
  in_flight_.store(producer_->RecordsOut(), std::memory_order_relaxed);
  interrupted_ = false;
  now_ = Now();
  for (auto& [_, queue] : queues_) queue.LeaveKeylessPlace();
}

void KafkaLane::Turn() {
  now_ = Now();
  const base::SteadyTime now = now_.steady;
  next_turn_ = base::SteadyTime::max();
  // Without a token no login is possible, and the brokers' rejection would look like wrong credentials.
  may_turn_ = sink_.HasCredentials();
  if (!may_turn_) return;
  if (const uint64_t version = sink_.RulesVersion(); version != rules_version_) {
    rules_version_ = version;
    for (auto& [name, queue] : queues_) queue.UseRules(sink_.RulesOf(name));
  }
  for (auto& [_, queue] : queues_) {
    if (queue.NextTurn() <= now) queue.Turn(now_);
    next_turn_ = std::min(next_turn_, queue.NextTurn());
  }
  if (number_ == 0) RequestConfigs(now);
  producer_->Turn(now);
  CheckStalled(now);
}

// While partitions are stalled this check repeats, even if nothing is sent or answered any more: otherwise
// new events for these partitions would be rejected forever.
void KafkaLane::CheckStalled(base::SteadyTime now) {
  if (now >= stalled_check_at_) {
    stalled_check_at_ = now + kStalledCheckInterval;
    std::vector<StalledTopic> stalled;
    for (const auto& [name, queue] : queues_) {
      auto partitions = queue.Stalled(now, sink_.options_.stall_rule);
      if (!partitions.empty()) stalled.push_back({name, queue.Partitions(), std::move(partitions)});
    }
    const bool any = !stalled.empty();
    if (any || stalled_reported_) sink_.reports_.SetStalled(number_, std::move(stalled));
    stalled_reported_ = any;
  }
  if (stalled_reported_) next_turn_ = std::min(next_turn_, stalled_check_at_);
}

void KafkaLane::RequestConfigs(base::SteadyTime now) {
  if (!sink_.reports_.Reached()) return;
  auto topics = sink_.size_limits_.TopicsToRequest(now);
  if (!topics.empty()) {
    producer_->RequestConfigs(std::move(topics), {kConfigNames.begin(), kConfigNames.end()});
  }
  next_turn_ = std::min(next_turn_, sink_.size_limits_.NextRequest());
}

// --- called by the producer

void KafkaLane::OnDelivered(const Partition& partition, const Batch& batch, int64_t base_offset,
                            bool repeat) {
  if (repeat && sink_.telemetry_ != nullptr) {
    sink_.telemetry_->SinkRepeats(/*recognized=*/true, batch.records.Count());
  }
  delivered_ += batch.records.Count();
  queues_.find(partition.Topic())->second.OnDelivered(partition, batch, now_.steady);
  if (batch.dead_letters) {
    for (const uint64_t token : batch.tokens) listener_->OnDeadLetter({.token = token});
    return;
  }
  const int64_t last = std::numeric_limits<int64_t>::max() - int64_t{batch.records.Count()};
  listener_->OnDelivered({batch.tokens,
                          batch.runs,
                          {.code = {},
                           .topic = sink_.topics_.Keep(partition.Topic()),
                           .partition = partition.Index(),
                           .offset = base_offset < 0 || base_offset > last ? -1 : base_offset}});
}

void KafkaLane::OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                           std::span<const std::string> reasons) {
  if (code == "message_too_large") sink_.RequestLimits();
  queues_.find(partition.Topic())
      ->second.OnRejected(partition, std::move(rejected), code, reasons, now_.steady);
  next_turn_ = {};
}

void KafkaLane::OnUndeliverable(const std::string& topic, const Batch& records, std::string_view code,
                                std::span<const std::string> reasons, uint32_t attempts) {
  interrupted_ = true;
  size_t number = 0;
  native::VisitRecords(records, [&](const wire::RecordView& record, uint64_t token, const EventRun& run) {
    const std::string& words = reasons.size() == 1 ? reasons.front() : reasons[number];
    ++number;
    const std::string_view reason = words.empty() ? code : std::string_view(words);
    if (records.dead_letters) {
      const bool too_large = code == "message_too_large";
      return listener_->OnDeadLetter(
          {token, too_large ? DeadLetterResult::kTooLarge : DeadLetterResult::kRejected, code, reason});
    }
    EventView event;
    event.value = record.value.value_or("");
    event.key = record.key.value_or("");
    event.has_key = record.key.has_value();
    event.key_hash = event.has_key ? base::Murmur2(event.key) : 0;
    event.topic = topic;
    event.context = {record.Header(kClientHeader), record.Header(kTraceparentHeader)};
    listener_->OnRejected({event, token, run, code, reason, sink_.topics_.Keep(topic), attempts});
  });
}

// Dead letters are not noted, so they may be written twice after a crash.
void KafkaLane::OnNumbered(const Partition& partition, const Batch& batch) {
  if (sent_ == nullptr || batch.dead_letters) return;
  sent_->NoteSent(batch.tokens, native::EncodeSentStamp(
                                    {partition.Topic(), partition.Index(), batch.topic_id, batch.stamp}));
}

void KafkaLane::OnNumbersVoid(const Partition&, const Batch& batch) {
  if (sent_ != nullptr && !batch.dead_letters) sent_->NoteSent(batch.tokens, {});
}

void KafkaLane::OnWriting() {
  if (sent_ != nullptr) sent_->Flush();
}

void KafkaLane::OnRetried(uint32_t records) {
  if (sink_.telemetry_ != nullptr) sink_.telemetry_->EventsRetried(records);
}

void KafkaLane::OnPartitionGone(const Partition& partition, native::Batches batches) {
  queues_.find(partition.Topic())->second.OnPartitionGone(std::move(batches));
  next_turn_ = {};
}

void KafkaLane::OnTopic(const std::string& topic, const native::ClusterView::Topic& view) {
  if (!view.partitions.empty()) sink_.OnReplicas(topic, view.replicas);
  if (const auto queue = queues_.find(topic); queue != queues_.end()) {
    queue->second.OnTopic(view, now_.steady);
    next_turn_ = {};
  }
}

void KafkaLane::OnTopicFault(std::string_view code, const std::string& topic, std::string_view detail) {
  if (code == kAllRefused) {
    sink_.reports_.AllRejected(topic, detail);
  } else {
    sink_.reports_.Fault(code, topic, detail);
  }
}

void KafkaLane::OnPartitionFault(const Partition& partition, std::string_view code, std::string_view reason) {
  sink_.reports_.Fault(code, partition.Topic() + '-' + std::to_string(partition.Index()), reason);
}

void KafkaLane::OnBrokerFault(std::string_view code, const std::string& where, std::string_view detail) {
  sink_.reports_.Fault(code, where, detail);
}

void KafkaLane::OnContact(const std::string& where) {
  sink_.reports_.LoginAccepted(number_, where);
  next_turn_ = {};
}

void KafkaLane::OnRefused(const std::string& where, std::string_view detail) {
  // An expired token is still used, because this machine's clock may be wrong.
  if (sink_.HasExpiredToken()) return sink_.reports_.Fault("token_unavailable", where, detail);
  sink_.reports_.CredentialsRejected(number_, "authentication_failed", where, detail);
}

void KafkaLane::OnProduced(const std::string& where, base::Duration took) {
  sink_.reports_.Produced(where, took);
}

void KafkaLane::OnPause(const std::string& where, base::Duration pause) {
  sink_.reports_.Pause(number_, where, pause);
}

void KafkaLane::OnPossibleRepeats(uint32_t records) {
  if (sink_.telemetry_ != nullptr) sink_.telemetry_->SinkRepeats(/*recognized=*/false, records);
}

void KafkaLane::OnTopicConfigs(const wire::DescribeConfigsResponse* response) {
  next_turn_ = {};
  if (response == nullptr) {
    return sink_.size_limits_.OnAnswer(base::Fail(base::ErrorKind::kUnavailable, "no answer"));
  }
  std::vector<std::pair<std::string_view, base::Result<TopicConfig>>> found;
  for (const wire::TopicConfigs& configs : response->topics) {
    if (configs.error == wire::ErrorCode::kNone) {
      found.emplace_back(configs.topic, ConfigOf(configs));
      continue;
    }
    // Not every broker knows a topic that was just created.
    const bool unknown = configs.error == wire::ErrorCode::kUnknownTopicOrPartition;
    const auto kind = unknown ? base::ErrorKind::kUnavailable : base::ErrorKind::kInvalid;
    const std::string error = std::to_string(static_cast<int>(configs.error));
    found.emplace_back(configs.topic, base::Fail(kind, "a topic's settings can't be read: error " + error));
  }
  sink_.size_limits_.OnAnswer(found);
}

}  // namespace ei::kafka
