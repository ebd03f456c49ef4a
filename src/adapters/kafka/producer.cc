// Long because: one client of the library, with all that it calls back.

#include "adapters/kafka/producer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "adapters/kafka/cluster_questions.h"
#include "adapters/kafka/connection_properties.h"
#include "adapters/kafka/failure_table.h"
#include "base/thread_name.h"

namespace ei::kafka {

namespace {

constexpr int kPollMillis = 100;
constexpr int kFlushMillis = 5;
constexpr auto kRetireTime = std::chrono::seconds(5);  // for the reports of what is purged at the end
constexpr size_t kReportsMax = 1024;                   // of one read from a delivery event
constexpr size_t kBrokersMax = 1000;                   // whose pauses are kept
constexpr size_t kRecordOverhead = 64 << 10;  // room for headers beyond an event's bytes and its key's

std::string Millis(base::Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

base::Result<Properties> PropertiesOf(const KafkaOptions& options, bool sole) {
  // The workers already gather for kafka.linger: a little more here joins what several of them hand over.
  const double linger_ms = std::min(1.0, std::chrono::duration<double, std::milli>(options.linger).count());
  auto connection = ConnectionProperties(options);
  if (!connection) return connection;
  Properties properties = {
      {"acks", "all"},
      {"enable.idempotence", "true"},
      {"max.in.flight.requests.per.connection", "1"},  // docs/decisions/0004
      {"sticky.partitioning.linger.ms", "0"},          // ChoosePartition is to be asked for each record
      {"message.timeout.ms", "0"},
      {"linger.ms", sole ? "0" : std::to_string(linger_ms)},
      {"compression.type", options.compression},
      {"socket.timeout.ms", Millis(options.write_timeout)},
      {"request.timeout.ms", Millis(options.write_timeout)},
      {"log.queue", "true"},
      // Only the brokers refuse a record for its size: a key may be nearly as long as its event.
      {"message.max.bytes", std::to_string(2 * options.event_bytes_max + kRecordOverhead)},
      // The workers bound what is in flight; these limits must never be the ones that are met.
      {"queue.buffering.max.messages", std::to_string(2 * options.inflight_events_max + 1000)},
      {"queue.buffering.max.kbytes", "2147483647"},
  };
  if (sole) properties.emplace_back("batch.num.messages", "1");
  properties.insert(properties.end(), connection->begin(), connection->end());
  properties.insert(properties.end(), options.properties.begin(), options.properties.end());
  return properties;
}

// Before 2.6.1 librdkafka repeats its own part in SCRAM's second message, which brokers of Kafka 4 refuse as
// a wrong password.
std::string_view RefusalHint(std::string_view mechanism) {
  constexpr int kScramMended = 0x020601ff;
  if (!mechanism.starts_with("SCRAM") || rd_kafka_version() >= kScramMended) return {};
  return "if the password is right: this librdkafka can't log in to Kafka 4 by SCRAM; it takes 2.6.1, or PLAIN";
}

// The Java client's placement; without a key the partition that the sink wants, if it has a leader.
int32_t ChoosePartition(const rd_kafka_topic_t* topic, const void* key, size_t key_size, int32_t partitions,
                        void* known_topic, void* opaque) {
  const auto wanted =
      static_cast<int32_t>(reinterpret_cast<uint64_t>(opaque) >> kOpaquePartitionShift & 0xffff);
  if (key == nullptr && wanted < partitions && rd_kafka_topic_partition_available(topic, wanted) != 0) {
    return wanted;
  }
  return rd_kafka_msg_partitioner_murmur2_random(topic, key, key_size, partitions, known_topic, opaque);
}

// The same; whoever asks for destinations learns the number of partitions from here.
int32_t ChooseAndTell(const rd_kafka_topic_t* topic, const void* key, size_t key_size, int32_t partitions,
                      void* known_topic, void* opaque) {
  static_cast<Topic*>(known_topic)->SetPartitions(static_cast<uint32_t>(partitions));
  return ChoosePartition(topic, key, key_size, partitions, known_topic, opaque);
}

app::LogLevel LevelOf(int syslog_level) {
  if (syslog_level <= 3) return app::LogLevel::kError;
  if (syslog_level == 4) return app::LogLevel::kWarn;
  return syslog_level <= 6 ? app::LogLevel::kInfo : app::LogLevel::kDebug;
}

}  // namespace

base::Result<std::unique_ptr<Producer>> Producer::Create(const KafkaOptions& options, bool sole,
                                                         Topics& topics, Listener& listener, app::Log& log) {
  const auto properties = PropertiesOf(options, sole);
  if (!properties) return std::unexpected(properties.error());
  std::array<char, 512> fault{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  if (auto set = SetProperties(conf, *properties); !set) {
    rd_kafka_conf_destroy(conf);
    return std::unexpected(set.error());
  }
  rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
                                     RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
  std::unique_ptr<Producer> producer(new Producer(options.security.mechanism, topics, listener, log));
  rd_kafka_conf_set_opaque(conf, producer.get());
  rd_kafka_conf_set_throttle_cb(conf, [](rd_kafka_t*, const char* broker, int32_t, int millis, void* opaque) {
    static_cast<Producer*>(opaque)->OnThrottle(broker, millis);
  });
  if (!sole) {
    producer->size_limits_ = std::make_unique<SizeLimits>(
        [&listener](std::string_view topic, const SizeLimits::Known& known) {
          listener.OnTopicKnown(topic, known);
        },
        [raw = producer.get()](const std::string& topic) { return ReplicasOf(raw->client_, topic); }, log);
  }
  producer->client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, fault.data(), fault.size());
  if (producer->client_ == nullptr) {
    rd_kafka_conf_destroy(conf);
    return base::Fail(base::ErrorKind::kInvalid,
                      std::string("the Kafka client can't start: ") + fault.data());
  }
  if (producer->HandleOf(options.topic) == nullptr) {
    return base::Fail(base::ErrorKind::kInvalid, "the Kafka client refuses kafka.topic " + options.topic +
                                                     ": " + rd_kafka_err2str(rd_kafka_last_error()));
  }
  producer->queue_ = rd_kafka_queue_get_main(producer->client_);
  rd_kafka_set_log_queue(producer->client_, nullptr);
  producer->thread_ = std::thread([raw = producer.get()] { raw->Poll(); });
  return producer;
}

Producer::~Producer() {
  Retire();
  if (queue_ != nullptr) rd_kafka_queue_destroy(queue_);
  {
    const base::MutexLock lock(mutex_);
    for (const auto& [name, handle] : handles_) rd_kafka_topic_destroy(handle);
  }
  if (client_ != nullptr) rd_kafka_destroy(client_);
}

void Producer::Retire() {
  if (client_ != nullptr) Purge();
  stop_.store(true, std::memory_order_release);
  if (thread_.joinable()) thread_.join();
}

void Producer::Purge() { rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT); }

rd_kafka_topic_t* Producer::HandleOf(std::string_view topic) {
  const base::MutexLock lock(mutex_);
  if (const auto known = handles_.find(topic); known != handles_.end()) return known->second;
  rd_kafka_topic_conf_t* const conf = rd_kafka_default_topic_conf_dup(client_);
  // Of a sole one the view of the cluster may lag behind: nearly nothing goes by it.
  rd_kafka_topic_conf_set_partitioner_cb(conf, size_limits_ == nullptr ? &ChoosePartition : &ChooseAndTell);
  rd_kafka_topic_conf_set_opaque(conf, &topics_.Of(topic));
  if (const std::string compression = topics_.CompressionOf(topic); !compression.empty()) {
    std::array<char, 512> fault{};
    if (rd_kafka_topic_conf_set(conf, "compression.codec", compression.c_str(), fault.data(), fault.size()) !=
        RD_KAFKA_CONF_OK) {
      log_.Write(app::LogLevel::kError, "kafka", "the Kafka client refuses a topic's compression",
                 {{"topic", topic}, {"detail", std::string_view(fault.data())}});
    }
  }
  if (size_limits_ != nullptr) size_limits_->Watch(topic, Compresses(conf));
  std::string name(topic);
  rd_kafka_topic_t* const handle = rd_kafka_topic_new(client_, name.c_str(), conf);
  if (handle == nullptr) return nullptr;
  return handles_.emplace(std::move(name), handle).first->second;
}

bool Producer::Compresses(const rd_kafka_topic_conf_t* topic) const {
  std::array<char, 32> codec{};
  size_t size = codec.size();
  if (rd_kafka_topic_conf_get(topic, "compression.codec", codec.data(), &size) != RD_KAFKA_CONF_OK)
    return true;
  if (std::string_view(codec.data()) == "inherit") {
    size = codec.size();
    rd_kafka_conf_get(rd_kafka_conf(client_), "compression.codec", codec.data(), &size);
  }
  return std::string_view(codec.data()) != "none";
}

void Producer::Produce(std::string_view topic, std::span<const Record> records) {
  rd_kafka_topic_t* const handle = HandleOf(topic);
  if (handle == nullptr) {
    for (const Record& record : records) Refuse(topic, record.opaque, RD_KAFKA_RESP_ERR__INVALID_ARG);
    return listener_.OnReportsEnd();
  }
  thread_local std::vector<rd_kafka_message_t> messages;
  messages.assign(records.size(), rd_kafka_message_t{});
  for (size_t i = 0; i < records.size(); ++i) {
    rd_kafka_message_t& message = messages[i];
    message.payload = const_cast<char*>(records[i].value.data());
    message.len = records[i].value.size();
    message.key = records[i].has_key ? const_cast<char*>(records[i].key.data()) : nullptr;
    message.key_len = records[i].has_key ? records[i].key.size() : 0;
    message._private = records[i].opaque;
  }
  const int taken = rd_kafka_produce_batch(handle, RD_KAFKA_PARTITION_UA, 0, messages.data(),
                                           static_cast<int>(messages.size()));
  if (taken == static_cast<int>(messages.size())) return;
  for (const rd_kafka_message_t& message : messages) {
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) Refuse(topic, message._private, message.err);
  }
  listener_.OnReportsEnd();
}

void Producer::Refuse(std::string_view topic, void* opaque, rd_kafka_resp_err_t error) {
  listener_.OnReport(opaque, error, rd_kafka_err2str(error), {.topic = topics_.Keep(topic)});
}

void Producer::Produce(std::string_view topic, const Record& record, const Headers& headers) {
  rd_kafka_topic_t* const handle = HandleOf(topic);
  if (handle == nullptr) {
    Refuse(topic, record.opaque, RD_KAFKA_RESP_ERR__INVALID_ARG);
    return listener_.OnReportsEnd();
  }
  rd_kafka_headers_t* list = rd_kafka_headers_new(headers.size());
  for (const auto& [name, value] : headers) {
    rd_kafka_header_add(list, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  std::array<rd_kafka_vu_t, 6> arguments{};
  arguments[0].vtype = RD_KAFKA_VTYPE_RKT;
  arguments[0].u.rkt = handle;
  arguments[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  arguments[1].u.i = 0;
  arguments[2].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[2].u.mem = {const_cast<char*>(record.value.data()), record.value.size()};
  arguments[3].vtype = RD_KAFKA_VTYPE_KEY;
  if (record.has_key) arguments[3].u.mem = {const_cast<char*>(record.key.data()), record.key.size()};
  arguments[4].vtype = RD_KAFKA_VTYPE_HEADERS;
  arguments[4].u.headers = list;
  arguments[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  arguments[5].u.ptr = record.opaque;
  rd_kafka_error_t* const failure = rd_kafka_produceva(client_, arguments.data(), arguments.size());
  if (failure == nullptr) return;
  const rd_kafka_resp_err_t error = rd_kafka_error_code(failure);
  rd_kafka_error_destroy(failure);
  rd_kafka_headers_destroy(list);
  Refuse(topic, record.opaque, error);
  listener_.OnReportsEnd();
}

void Producer::Flush() { rd_kafka_flush(client_, kFlushMillis); }

void Producer::Break() {
  broken_.store(true, std::memory_order_release);
  Purge();
}

void Producer::UsePassword(const std::string& username, const std::string& password) {
  refusal_logged_.store(false, std::memory_order_relaxed);
  rd_kafka_error_t* const refused =
      rd_kafka_sasl_set_credentials(client_, username.c_str(), password.c_str());
  if (refused == nullptr) return;
  log_.Write(app::LogLevel::kError, "kafka", "the Kafka client refuses the new password",
             {{"error", std::string_view(rd_kafka_error_name(refused))}});
  rd_kafka_error_destroy(refused);
}

base::Result<void> Producer::UseToken(const app::AccessToken& token) {
  refusal_logged_.store(false, std::memory_order_relaxed);
  return SetToken(client_, token);
}

app::SinkStatus Producer::Status() const {
  const bool tried = tried_.load(std::memory_order_acquire);
  const bool refused = refused_.load(std::memory_order_relaxed);
  const auto pause = std::chrono::milliseconds(pause_millis_.load(std::memory_order_relaxed));
  if (Reached()) return {app::Contact::kReached, refused, pause};
  if (refused) return {app::Contact::kRefused, true, pause};
  return {tried ? app::Contact::kUnreachable : app::Contact::kPending, false, pause};
}

// The cluster's id stands in the first metadata that arrive; with a time-out of 0 this only looks whether it
// is there.
bool Producer::Reached() const {
  if (reached_.load(std::memory_order_relaxed)) return true;
  char* const id = rd_kafka_clusterid(client_, 0);
  if (id == nullptr) return false;
  rd_kafka_mem_free(client_, id);
  reached_.store(true, std::memory_order_relaxed);
  return true;
}

void Producer::Poll() {
  base::NameThisThread("kafka-reports");
  std::optional<base::SteadyTime> retired_at;
  bool let_in = false;
  for (;;) {
    const base::SteadyTime now =
        std::chrono::steady_clock::now();  // ban-ok(clock): waits for librdkafka's threads
    if (stop_.load(std::memory_order_acquire)) {
      if (!retired_at) retired_at = now;
      const int left = rd_kafka_outq_len(client_);
      if (left == 0) return;
      if (now > *retired_at + kRetireTime) {
        return log_.Write(app::LogLevel::kError, "kafka",
                          "a producer ends without reports for some of its records",
                          {{"records", int64_t{left}}});
      }
    }
    // A refusal after the first contact ends with a delivery.
    if (!let_in && Reached()) {
      let_in = true;
      OnAcceptance();
    }
    if (size_limits_ != nullptr && let_in) AskForSizeLimits(now);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue_, kPollMillis);
    if (event == nullptr) {
      // Records that were handed over while the producer broke.
      if (Broken()) Purge();
      continue;
    }
    switch (rd_kafka_event_type(event)) {
      case RD_KAFKA_EVENT_DR: OnDeliveryReports(event); break;
      case RD_KAFKA_EVENT_ERROR: OnError(event); break;
      case RD_KAFKA_EVENT_LOG: OnLog(event); break;
      case RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT: size_limits_->OnAnswer(ReadConfigs(event)); break;
      default: break;
    }
    rd_kafka_event_destroy(event);
  }
}

void Producer::AskForSizeLimits(base::SteadyTime now) {
  const std::vector<std::string> topics = size_limits_->TopicsToAsk(now);
  if (!topics.empty()) AskForConfigs(client_, topics, queue_);
}

void Producer::OnDeliveryReports(rd_kafka_event_t* event) {
  std::array<const rd_kafka_message_t*, kReportsMax> messages;
  // An event holds one batch, whose offsets librdkafka counts up from the response's, even if that is -1.
  bool proven = true;
  size_t too_large = 0;
  uint64_t bytes = 0;
  std::string_view topic;
  while (const size_t count = rd_kafka_event_message_array(event, messages.data(), messages.size())) {
    for (size_t i = 0; i < count; ++i) {
      const rd_kafka_message_t& message = *messages[i];
      if (topic.empty()) topic = topics_.Keep(rd_kafka_topic_name(message.rkt));
      if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (message.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && size_limits_ != nullptr) {
          size_limits_->AskSoon();
          ++too_large;
          bytes += message.len + message.key_len;
        }
        listener_.OnReport(message._private, message.err, rd_kafka_err2str(message.err), {.topic = topic});
      } else if (proven = proven && message.offset >= 0; !proven) {
        listener_.OnReport(message._private, RD_KAFKA_RESP_ERR__STATE,
                           "reported as delivered without an offset", {.topic = topic});
      } else {
        OnAcceptance();
        listener_.OnReport(message._private, message.err, {}, {topic, message.partition, message.offset});
      }
    }
  }
  if (too_large > 1) listener_.OnBatchTooLarge(topic, bytes);
  listener_.OnReportsEnd();
}

void Producer::OnError(rd_kafka_event_t* event) {
  if (rd_kafka_event_error_is_fatal(event) != 0) return OnFatalError();
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event);
  const std::string_view detail = rd_kafka_event_error_string(event);
  const ClientFault fault = ClassifyClientFault(error, detail);
  if (fault.refusal) return OnRefusal(fault.code, detail);
  tried_.store(true, std::memory_order_release);
  // With nothing to send connections end: brokers, balancers and this client close those that are idle. Does
  // the next one fail, that is told.
  const bool connection_ended =
      error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
      (error == RD_KAFKA_RESP_ERR__TRANSPORT && detail.find("onnect to") == std::string_view::npos);
  if (connection_ended && Reached() && Idle()) return;
  listener_.OnFault(fault.code);
  // While the brokers refuse, these only say that there is no connection.
  if (refused_.load(std::memory_order_relaxed)) return;
  log_.Write(app::LogLevel::kWarn, "kafka", "the Kafka client reports a fault",
             {{"error", std::string_view(rd_kafka_err2name(error))}, {"detail", detail}});
}

// librdkafka tells each answer that asks for a pause, and the first that asks for none again.
void Producer::OnThrottle(std::string_view broker, int millis) {
  const auto known = pauses_.find(broker);
  const bool paused = known != pauses_.end();
  if (millis == 0 && paused) {
    pauses_.erase(known);
    log_.Write(app::LogLevel::kInfo, "kafka", "a broker slows this client down no more",
               {{"broker", broker}});
  } else if (millis > 0) {
    listener_.OnFault(kThrottled);
    if (paused) {
      known->second = millis;
    } else if (pauses_.size() < kBrokersMax) {
      pauses_.emplace(broker, millis);
      log_.Write(app::LogLevel::kWarn, "kafka", "a broker slows this client down",
                 {{"broker", broker},
                  {"pause_ms", int64_t{millis}},
                  {"hint",
                   "a quota of this user or client id is used up (producer_byte_rate, request_percentage)"}});
    }
  }
  int longest = 0;
  for (const auto& [_, pause] : pauses_) longest = std::max(longest, pause);
  pause_millis_.store(longest, std::memory_order_relaxed);
}

// librdkafka tells it again with every try to connect; one line for each change of the credentials will do.
void Producer::OnRefusal(std::string_view code, std::string_view detail) {
  // In this order: whoever sees that it was tried sees that it was refused.
  refused_.store(true, std::memory_order_relaxed);
  tried_.store(true, std::memory_order_release);
  listener_.OnFault(code);
  if (refusal_logged_.exchange(true, std::memory_order_relaxed)) return;
  log_.Write(app::LogLevel::kError, "kafka",
             "the credentials are refused (kafka.security); events wait, and it is tried on",
             {{"code", code}, {"detail", detail}, {"hint", RefusalHint(mechanism_)}});
}

void Producer::OnAcceptance() {
  if (!refused_.load(std::memory_order_relaxed) || !refused_.exchange(false, std::memory_order_relaxed))
    return;
  refusal_logged_.store(false, std::memory_order_relaxed);
  log_.Write(app::LogLevel::kInfo, "kafka", "the credentials are accepted");
}

void Producer::OnFatalError() {
  listener_.OnFault("producer_failed");
  std::array<char, 512> reason{};
  const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client_, reason.data(), reason.size());
  log_.Write(
      app::LogLevel::kError, "kafka",
      "the idempotent producer can't go on; a new one takes over and sends again what was in flight",
      {{"error", std::string_view(rd_kafka_err2name(cause))}, {"detail", std::string_view(reason.data())}});
  Break();
}

void Producer::OnLog(rd_kafka_event_t* event) {
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
  if (std::string_view(facility) == "FAIL") return;  // comes as an error event too
  log_.Write(LevelOf(level), "kafka", "librdkafka",
             {{"facility", std::string_view(facility)}, {"detail", std::string_view(text)}});
}

}  // namespace ei::kafka
