#include "adapters/kafka/native/native_sink.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <utility>

#include <boost/asio/post.hpp>

#include "adapters/kafka/failure_table.h"
#include "app/dead_letter_headers.h"
#include "base/base64.h"
#include "base/thread_name.h"

namespace ei::kafka::native {

using app::DeliveryReport;
using app::OutboundEvent;
using app::Verdict;

namespace {

// A record's token: the lane, whether it is a dead letter, and the worker's token.
constexpr uint64_t kLetterBit = uint64_t{1} << 55;
constexpr int kLaneShift = 56;
constexpr uint64_t kTokenMask = kLetterBit - 1;

constexpr uint64_t kBatchBytes = 1'000'000;
constexpr auto kLetterPatience = std::chrono::seconds(5);  // for brokers to make its topic
constexpr std::array<std::string_view, 3> kConfigNames = {"max.message.bytes", "cleanup.policy",
                                                          "min.insync.replicas"};

uint64_t Pack(size_t lane, uint64_t token, uint64_t bits = 0) {
  return uint64_t{lane} << kLaneShift | bits | token;
}
size_t LaneOf(uint64_t packed) { return packed >> kLaneShift; }

std::vector<wire::RecordHeader> ViewsOf(const app::Headers& headers) {
  std::vector<wire::RecordHeader> views;
  for (const auto& [name, value] : headers) views.push_back({name, value});
  return views;
}

std::optional<std::string_view> KeyOf(const OutboundEvent& event) {
  return event.has_key ? std::optional(event.key) : std::nullopt;
}

// "host:port,[::1]:port"; kInvalid where it isn't that.
base::Result<std::vector<Address>> AddressesOf(std::string_view brokers) {
  std::vector<Address> addresses;
  while (!brokers.empty()) {
    const size_t end = std::min(brokers.find(','), brokers.size());
    std::string_view one = brokers.substr(0, end);
    brokers.remove_prefix(std::min(end + 1, brokers.size()));
    const size_t colon = one.rfind(':');
    uint16_t port = 0;
    const std::string_view digits = colon == std::string_view::npos ? "9092" : one.substr(colon + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    std::string_view host = one.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || host.empty() || port == 0) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "kafka.brokers (KAFKA_BROKERS): " + std::string(one) + " is not HOST:PORT");
    }
    addresses.push_back({std::string(host), port});
  }
  return addresses;
}

std::string Nonce() {
  std::random_device device;
  std::string bytes;
  for (int i = 0; i < 6; ++i) {
    const uint32_t number = device();
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return base::EncodeBase64(bytes);
}

}  // namespace

NativeSink::NativeSink(const KafkaOptions& options, const app::Clock& clock, app::Log& log,
                       app::Telemetry* telemetry, app::TopicLimits* limits)
    : options_(options),
      clock_(clock),
      log_(log),
      telemetry_(telemetry),
      limits_(limits),
      topics_(options.topic, options.dlq_topic, options.topics),
      listeners_(options.lanes, nullptr),
      failures_(options.lanes),
      work_(context_.get_executor()),
      timer_(context_),
      size_limits_(
          [this](std::string_view topic, const SizeLimits::Known& known) { OnTopicKnown(topic, known); },
          [this](const std::string& topic) {
            const auto known = replicas_.find(topic);
            return known == replicas_.end() ? 0 : static_cast<int>(known->second);
          },
          log),
      reports_(options.lanes) {}

base::Result<std::unique_ptr<NativeSink>> NativeSink::Create(const KafkaOptions& options,
                                                             const app::Clock& clock, app::Log& log,
                                                             app::Telemetry* telemetry,
                                                             app::TopicLimits* limits) {
  std::unique_ptr<NativeSink> sink(new NativeSink(options, clock, log, telemetry, limits));
  if (auto opened = sink->Open(); !opened) return std::unexpected(opened.error());
  return sink;
}

base::Result<void> NativeSink::Open() {
  auto addresses = AddressesOf(options_.brokers);
  if (!addresses) return std::unexpected(addresses.error());
  const SecurityOptions& security = options_.security;
  std::shared_ptr<TlsContext> tls;
  if (security.UsesTls()) {
    auto made = TlsContext::Make(security);
    if (!made) return std::unexpected(made.error());
    tls = std::move(*made);
  }
  if (security.UsesSasl() && !security.UsesTokens()) {
    base::Result<std::string> password = security.password;
    if (security.password_file.Set()) password = ReadSecret(security.password_file);
    if (!password) return std::unexpected(password.error());
    password_ = std::move(*password);
  }
  network_ = std::make_unique<SocketNetwork>(
      context_, SocketNetwork::Handlers{
                    [this](uint64_t connection) {
                      producer_->OnConnected(connection, clock_.Now());
                      Turn();
                    },
                    [this](uint64_t connection, std::string_view bytes) {
                      producer_->OnBytes(connection, bytes, clock_.Now(), NowMs());
                      GiveReports();
                      Turn();
                    },
                    [this](uint64_t connection) { producer_->OnWritten(connection); },
                    [this](uint64_t connection, std::string_view reason, bool refused) {
                      if (refused) OnRefused("TLS", reason);
                      producer_->OnClosed(connection, reason, clock_.Now());
                      GiveReports();
                      Turn();
                    },
                });
  network_->UseTls(std::move(tls));
  Producer::Options options = ProducerOptions();
  options.bootstrap = std::move(*addresses);
  ProducerListener& self = *this;
  producer_ = std::make_unique<Producer>(std::move(options), *network_, self, std::random_device()());
  producer_->Watch(options_.topic);
  size_limits_.Watch(options_.topic, options_.compression != "none");
  thread_ = std::thread([this] { Run(); });
  return {};
}

Producer::Options NativeSink::ProducerOptions() {
  Producer::Options options;
  options.request_timeout = options_.write_timeout;
  options.link.timeout = options_.write_timeout;
  if (options_.security.UsesSasl()) {
    options.link.mechanism = options_.security.mechanism;
    options.link.make_sasl = [this] { return MakeSasl(); };
  }
  return options;
}

base::Result<std::unique_ptr<SaslExchange>> NativeSink::MakeSasl() {
  const SecurityOptions& security = options_.security;
  if (security.UsesTokens()) {
    if (!token_) return base::Fail(base::ErrorKind::kUnavailable, "there is no token yet");
    return MakeOAuthBearer(token_->value, token_->extensions);
  }
  if (security.mechanism == "PLAIN") return MakePlain(security.username, password_);
  const ScramHash hash = security.mechanism == "SCRAM-SHA-512" ? ScramHash::kSha512 : ScramHash::kSha256;
  return MakeScram(hash, security.username, password_, Nonce());
}

NativeSink::~NativeSink() {
  std::vector<Handed> left;
  {
    const base::MutexLock lock(inbox_mutex_);
    stopped_ = true;
    left = std::exchange(inbox_, {});
  }
  work_.reset();
  context_.stop();
  if (thread_.joinable()) thread_.join();
  constexpr std::string_view kReason = "the sink ends";
  if (producer_ != nullptr) {
    producer_->TakeBack([&](const Partition& partition, const Batch& batch) {
      Refuse(batch, Verdict::kTransient, "taken_back", kReason, partition.Topic());
    });
  }
  for (auto& [topic, handed] : waiting_) {
    for (Handed& one : handed) left.push_back(std::move(one));
  }
  for (const Handed& one : left) Refuse(*one.batch, Verdict::kTransient, "taken_back", kReason, one.topic);
  GiveReports();
}

int64_t NativeSink::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.WallNow().time_since_epoch()).count();
}

// --- the lanes' side

app::Destinations NativeSink::DestinationsOf(const OutboundEvent& event) const {
  return topics_.Of(event.topic).DestinationsOf(event.has_key ? std::optional(event.key_hash) : std::nullopt);
}

app::Destinations NativeSink::DestinationsOf(uint32_t topic, uint32_t key_hash) const {
  return topics_.Numbered(topic).DestinationsOf(key_hash);
}

void NativeSink::FailAll(size_t lane, std::span<const OutboundEvent> events, std::string_view reason) {
  std::vector<DeliveryReport> reports;
  for (const OutboundEvent& event : events) {
    reports.push_back({event.token, Verdict::kTransient, "taken_back", std::string(reason)});
  }
  failures_[lane].fetch_add(reports.size(), std::memory_order_release);
  listeners_[lane]->OnReports(reports);
}

void NativeSink::Send(size_t lane, std::span<const OutboundEvent> events, app::Grouping,
                      uint64_t failures_seen) {
  if (events.empty()) return;
  if (failures_[lane].load(std::memory_order_acquire) != failures_seen) {
    return FailAll(lane, events, "an earlier event has just failed");
  }
  const int64_t now_ms = NowMs();
  std::vector<Handed> handed;
  std::map<app::DestinationId, size_t> open;  // which of `handed` is gathered for a destination
  for (const OutboundEvent& event : events) {
    const auto partition = Topic::PartitionOf(event.destination);
    const app::Headers traces = app::TraceHeaders(event.traceparent);
    const std::vector<wire::RecordHeader> headers = ViewsOf(traces);
    const bool placed = partition != Topic::kPartitionsMax;
    auto found = placed ? open.find(event.destination) : open.end();
    if (found != open.end()) {
      const Batch& batch = *handed[found->second].batch;
      const size_t more = wire::RecordBatch::BytesOf(KeyOf(event), event.value, headers);
      const uint64_t limit = topics_.Of(event.topic).bytes_max.load(std::memory_order_relaxed);
      if (batch.records.Bytes() + more > std::min(limit, kBatchBytes)) found = open.end();
    }
    if (found == open.end()) {
      Handed& one = handed.emplace_back();
      one.topic = topics_.Keep(topics_.NameOf(event.topic));
      one.batch = std::make_unique<Batch>(now_ms);
      if (placed) {
        one.partition = static_cast<int32_t>(partition);
        found = open.insert_or_assign(event.destination, handed.size() - 1).first;
      } else if (event.has_key) {
        one.key_hash = event.key_hash;
      }
    }
    Batch& batch = *(found == open.end() ? handed.back() : handed[found->second]).batch;
    batch.records.Append(KeyOf(event), event.value, headers);
    batch.tokens.push_back(Pack(lane, event.token));
  }
  for (const Handed& one : handed) one.batch->records.UseCodec(CodecFor(one.topic));
  Hand(std::move(handed));
}

wire::Codec NativeSink::CodecFor(std::string_view topic) const {
  const std::string own = topics_.CompressionOf(topic);
  return wire::CodecOf(own.empty() ? options_.compression : own).value_or(wire::Codec::kNone);
}

void NativeSink::SendDeadLetter(size_t lane, const OutboundEvent& event, const app::DeadLetterNote& note) {
  const app::Headers story = app::DeadLetterHeaders(note, event.traceparent);
  std::vector<Handed> handed;
  Handed& letter = handed.emplace_back();
  letter.topic = topics_.Keep(topics_.DlqTopicOf(event.topic));
  if (event.has_key) letter.key_hash = event.key_hash;
  letter.batch = std::make_unique<Batch>(NowMs());
  const std::string_view value = note.reference.empty() ? event.value : std::string_view();
  letter.batch->records.Append(KeyOf(event), value, ViewsOf(story));
  letter.batch->tokens.push_back(Pack(lane, event.token, kLetterBit));
  Hand(std::move(handed));
}

void NativeSink::Hand(std::vector<Handed> handed) {
  const base::MutexLock lock(inbox_mutex_);
  const bool wake = inbox_.empty();
  std::ranges::move(handed, std::back_inserter(inbox_));
  if (wake && !stopped_) boost::asio::post(context_, [this] { TakeInbox(); });
}

app::SinkStatus NativeSink::Status() const {
  app::SinkStatus status;
  const bool tried = tried_.load(std::memory_order_acquire);
  status.refused = refused_.load(std::memory_order_relaxed);
  if (reached_.load(std::memory_order_relaxed)) {
    status.contact = app::Contact::kReached;
  } else if (status.refused) {
    status.contact = app::Contact::kRefused;
  } else if (tried) {
    status.contact = app::Contact::kUnreachable;
  }
  status.pause = base::Duration(pause_nanos_.load(std::memory_order_relaxed));
  status.one_ack_topics = topics_.OneAckTopics();
  return status;
}

// --- credentials

void NativeSink::OnPassword(const std::string& password) {
  boost::asio::post(context_, [this, password] {
    password_ = password;
    refusal_logged_ = false;
    producer_->OnCredentials();
    Turn();
  });
}

base::Result<void> NativeSink::OnToken(const app::AccessToken& token) {
  boost::asio::post(context_, [this, token] {
    token_ = token;
    refusal_logged_ = false;
    producer_->OnCredentials();
    Turn();
  });
  return {};
}

void NativeSink::OnNoToken(const base::Error& error) {
  boost::asio::post(context_, [this, error] {
    if (error.kind == base::ErrorKind::kInvalid) {
      OnRefused("the source of the tokens", error.message);
    } else {
      OnFault("token_unavailable", "the source of the tokens", error.message);
    }
  });
}

base::Result<void> NativeSink::OnCertificates() {
  auto made = TlsContext::Make(options_.security);
  if (!made) return std::unexpected(made.error());
  boost::asio::post(context_, [this, tls = std::move(*made)] {
    network_->UseTls(tls);
    refusal_logged_ = false;
    producer_->OnCredentials();
    Turn();
  });
  return {};
}

// --- the producer's thread

void NativeSink::Run() {
  base::NameThisThread("kafka");
  Turn();
  context_.run();
}

void NativeSink::TakeInbox() {
  std::vector<Handed> taken;
  {
    const base::MutexLock lock(inbox_mutex_);
    taken = std::exchange(inbox_, {});
  }
  for (Handed& one : taken) Place(std::move(one));
  GiveReports();
  Turn();
}

void NativeSink::Place(Handed handed) {
  const std::string topic(handed.topic);
  if ((handed.batch->tokens.front() & kLetterBit) == 0) {
    size_limits_.Watch(topic, CodecFor(topic) != wire::Codec::kNone);
  }
  if (handed.partition < 0) {
    const uint32_t partitions = producer_->PartitionsOf(topic);
    if (partitions == 0) {
      producer_->Watch(topic);
      producer_->WantMetadata();
      if (handed.since == base::SteadyTime()) handed.since = clock_.Now();
      waiting_[topic].push_back(std::move(handed));
      return;
    }
    const uint32_t number = handed.key_hash
                                ? *handed.key_hash & 0x7fffffff
                                : static_cast<uint32_t>(clock_.Now().time_since_epoch().count() / 1000);
    handed.partition = static_cast<int32_t>(number % partitions);
  }
  if (!replicas_.contains(topic)) producer_->Watch(topic);
  if (const uint32_t known = producer_->PartitionsOf(topic);
      known > 0 && static_cast<uint32_t>(handed.partition) >= known) {
    return Refuse(*handed.batch, Verdict::kTransient, "taken_back", "the topic has fewer partitions now",
                  handed.topic);
  }
  producer_->Add(topic, handed.partition, std::move(handed.batch));
}

void NativeSink::Turn() {
  if (turn_due_) return;
  turn_due_ = true;
  // What comes in the same round of the loop shares one turn.
  boost::asio::post(context_, [this] {
    turn_due_ = false;
    const base::SteadyTime now = clock_.Now();
    AskForConfigs(now);
    producer_->Turn(now);
    GiveReports();
    base::SteadyTime next = producer_->NextTurn();
    if (reached_.load(std::memory_order_relaxed)) next = std::min(next, size_limits_.NextAsk());
    timer_.expires_after(
        std::clamp(next - clock_.Now(), base::Duration(0), base::Duration(std::chrono::minutes(1))));
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) Turn();
    });
  });
}

void NativeSink::AskForConfigs(base::SteadyTime now) {
  if (!reached_.load(std::memory_order_relaxed)) return;
  auto topics = size_limits_.TopicsToAsk(now);
  if (!topics.empty()) {
    producer_->AskForConfigs(std::move(topics), {kConfigNames.begin(), kConfigNames.end()});
  }
}

void NativeSink::Report(uint64_t packed, DeliveryReport report) {
  report.token = packed & kTokenMask;
  const size_t lane = LaneOf(packed);
  if (report.verdict != Verdict::kDelivered) failures_[lane].fetch_add(1, std::memory_order_release);
  reports_[lane].push_back(std::move(report));
}

void NativeSink::Refuse(const Batch& batch, Verdict verdict, std::string_view code, std::string_view reason,
                        std::string_view topic) {
  for (const uint64_t packed : batch.tokens) {
    Report(packed, {.verdict = verdict, .code = code, .reason = std::string(reason), .topic = topic});
  }
}

void NativeSink::GiveReports() {
  for (size_t lane = 0; lane < reports_.size(); ++lane) {
    if (reports_[lane].empty()) continue;
    listeners_[lane]->OnReports(reports_[lane]);
    reports_[lane].clear();
  }
}

void NativeSink::OnDelivered(const Partition& partition, const Batch& batch, int64_t base_offset) {
  const std::string_view topic = topics_.Keep(partition.Topic());
  for (size_t i = 0; i < batch.tokens.size(); ++i) {
    DeliveryReport report;
    report.topic = topic;
    report.partition = partition.Index();
    report.offset = base_offset < 0 ? -1 : base_offset + static_cast<int64_t>(i);
    Report(batch.tokens[i], std::move(report));
  }
  if (refused_.exchange(false, std::memory_order_relaxed)) {
    refusal_logged_ = false;
    log_.Write(app::LogLevel::kInfo, "kafka", "the credentials are accepted");
  }
}

void NativeSink::OnRejected(const Partition& partition, uint64_t token, std::string_view code,
                            std::string_view reason) {
  const bool letter = (token & kLetterBit) != 0;
  DeliveryReport report;
  report.verdict = letter && code != "message_too_large" ? Verdict::kEventRefused : Verdict::kEventInvalid;
  report.code = code;
  report.reason = reason.empty() ? code : reason;
  report.topic = topics_.Keep(partition.Topic());
  Report(token, std::move(report));
  if (code == "message_too_large") size_limits_.AskSoon();
}

void NativeSink::OnPartitionGone(const Partition& partition, const Batch& batch) {
  Refuse(batch, Verdict::kTransient, "taken_back", "the topic has fewer partitions now",
         topics_.Keep(partition.Topic()));
}

void NativeSink::OnTopic(const std::string& topic, const ClusterView::Topic& told) {
  if (!told.partitions.empty()) {
    replicas_[topic] = told.replicas;
    topics_.Of(topic == options_.topic ? std::string_view() : topic)
        .SetPartitions(static_cast<uint32_t>(told.partitions.size()));
  }
  const auto found = waiting_.find(topic);
  if (found == waiting_.end()) return;
  std::vector<Handed> waiting = std::exchange(found->second, {});
  waiting_.erase(found);
  const bool missing = told.error == wire::ErrorCode::kUnknownTopicOrPartition;
  const bool denied = told.error == wire::ErrorCode::kTopicAuthorizationFailed;
  const bool invalid = told.error == wire::ErrorCode::kInvalidTopic;
  for (Handed& one : waiting) {
    const bool letter = (one.batch->tokens.front() & kLetterBit) != 0;
    const std::string_view name = one.topic;
    if (missing && letter && clock_.Now() - one.since < kLetterPatience) {
      waiting_[topic].push_back(std::move(one));
    } else if (missing || (letter && (denied || invalid))) {
      const std::string_view code = missing ? "unknown_topic" : denied ? kNotAuthorized : "misconfigured";
      const Verdict verdict = letter ? Verdict::kEventRefused : Verdict::kUnknownTopic;
      Refuse(*one.batch, verdict, code, "the brokers don't know the topic, or don't let this client see it",
             name);
    } else if (denied || invalid) {
      const std::string_view code = denied ? kNotAuthorized : std::string_view("misconfigured");
      if (denied) OnFault(kNotAuthorized, topic, "the topic may not be described");
      Refuse(*one.batch, Verdict::kTransient, code, "the brokers refuse the topic", name);
    } else {
      Place(std::move(one));
    }
  }
}

void NativeSink::OnFault(std::string_view code, const std::string& where, std::string_view detail) {
  tried_.store(true, std::memory_order_release);
  if (telemetry_ != nullptr) telemetry_->SinkFault(code);
  log_.Write(app::LogLevel::kWarn, "kafka", "the Kafka client reports a fault",
             {{"code", code}, {"where", std::string_view(where)}, {"detail", detail}});
}

void NativeSink::OnContact() {
  tried_.store(true, std::memory_order_release);
  if (refused_.exchange(false, std::memory_order_relaxed)) {
    refusal_logged_ = false;
    log_.Write(app::LogLevel::kInfo, "kafka", "the credentials are accepted");
  }
  reached_.store(true, std::memory_order_relaxed);
}

void NativeSink::OnRefused(const std::string& where, std::string_view detail) {
  refused_.store(true, std::memory_order_relaxed);
  tried_.store(true, std::memory_order_release);
  const std::string_view code = where == "TLS" ? "tls_failed" : "authentication_failed";
  if (telemetry_ != nullptr) telemetry_->SinkFault(code);
  if (std::exchange(refusal_logged_, true)) return;
  log_.Write(app::LogLevel::kError, "kafka",
             "the credentials are refused (kafka.security); events wait, and it is tried on",
             {{"code", code}, {"where", std::string_view(where)}, {"detail", detail}});
}

void NativeSink::OnPause(const std::string& where, base::Duration pause) {
  const auto known = pauses_.find(where);
  if (pause == base::Duration(0)) {
    if (known == pauses_.end()) return;
    pauses_.erase(known);
    log_.Write(app::LogLevel::kInfo, "kafka", "a broker slows this client down no more",
               {{"broker", std::string_view(where)}});
  } else {
    if (telemetry_ != nullptr) telemetry_->SinkFault(kThrottled);
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
    if (known == pauses_.end()) {
      log_.Write(app::LogLevel::kWarn, "kafka", "a broker slows this client down",
                 {{"broker", std::string_view(where)},
                  {"pause_ms", int64_t{millis}},
                  {"hint",
                   "a quota of this user or client id is used up (producer_byte_rate, request_percentage)"}});
    }
    pauses_[where] = pause;
  }
  base::Duration longest{0};
  for (const auto& [_, each] : pauses_) longest = std::max(longest, each);
  pause_nanos_.store(longest.count(), std::memory_order_relaxed);
}

void NativeSink::OnRepeats(uint32_t) {}
void NativeSink::OnPossibleRepeats(uint32_t) {}

void NativeSink::OnTopicConfigs(const wire::DescribeConfigsResponse* response) {
  if (response == nullptr) {
    return size_limits_.OnAnswer(base::Fail(base::ErrorKind::kUnavailable, "no answer"));
  }
  std::vector<std::pair<std::string_view, base::Result<TopicConfig>>> found;
  for (const wire::TopicConfigs& told : response->topics) {
    if (told.error != wire::ErrorCode::kNone) {
      found.emplace_back(told.topic, base::Fail(base::ErrorKind::kInvalid,
                                                "a topic's settings can't be read: error " +
                                                    std::to_string(static_cast<int>(told.error))));
      continue;
    }
    TopicConfig config;
    for (const wire::ConfigValue& value : told.values) {
      const std::string_view text = value.value.value_or("");
      if (value.name == "max.message.bytes") {
        std::from_chars(text.data(), text.data() + text.size(), config.message_bytes_max);
      } else if (value.name == "cleanup.policy") {
        config.compacted = text.find("compact") != std::string_view::npos;
      } else if (value.name == "min.insync.replicas") {
        std::from_chars(text.data(), text.data() + text.size(), config.in_sync_min);
      }
    }
    found.emplace_back(told.topic, config);
  }
  size_limits_.OnAnswer(found);
}

void NativeSink::OnTopicKnown(std::string_view topic, const SizeLimits::Known& known) {
  Topic& kept = topics_.Of(topic == options_.topic ? std::string_view() : topic);
  kept.compacted.store(known.compacted, std::memory_order_relaxed);
  kept.one_ack.store(known.one_ack, std::memory_order_relaxed);
  kept.bytes_max.store(known.bytes_max.value_or(Topic::kAnySize), std::memory_order_relaxed);
  if (limits_ == nullptr) return;
  limits_->Learn(topic, topic, known.bytes_max);
  if (topic == options_.topic) limits_->Learn({}, topic, known.bytes_max);
}

}  // namespace ei::kafka::native
