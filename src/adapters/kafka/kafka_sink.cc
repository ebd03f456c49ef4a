#include "adapters/kafka/kafka_sink.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

#include "adapters/kafka/kafka_lane.h"
#include "base/base64.h"

namespace ei::kafka {

namespace {

constexpr uint64_t kBatchBytesMax = 1'000'000;

std::string Nonce() {
  std::random_device device;
  std::string bytes;
  for (int i = 0; i < 6; ++i) {
    const uint32_t number = device();
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return base::EncodeBase64(bytes);
}

// Parses "host:port,[::1]:port"; kInvalid if it is malformed.
base::Result<std::vector<native::Address>> AddressesOf(std::string_view brokers) {
  std::vector<native::Address> addresses;
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

}  // namespace

KafkaSink::KafkaSink(const KafkaOptions& options, const ei::Clock& clock, Log& log, Telemetry* telemetry,
                     TopicLimits* limits)
    : options_(options),
      clock_(clock),
      log_(log),
      telemetry_(telemetry),
      limits_(limits),
      topics_(options.topic, options.dlq_topic, options.topics),
      reports_(log, telemetry),
      size_limits_(
          [this](std::string_view topic, const SizeLimits::Known& known) { OnTopicKnown(topic, known); },
          [this](const std::string& topic) {
            const base::MutexLock lock(mutex_);
            const auto known = replicas_.find(topic);
            return known == replicas_.end() ? 0 : static_cast<int>(known->second);
          },
          log) {}

KafkaSink::~KafkaSink() = default;

base::Result<std::unique_ptr<KafkaSink>> KafkaSink::Create(const KafkaOptions& options,
                                                           const ei::Clock& clock, Log& log,
                                                           Telemetry* telemetry, TopicLimits* limits) {
  std::unique_ptr<KafkaSink> sink(new KafkaSink(options, clock, log, telemetry, limits));
  if (auto opened = sink->Open(); !opened) return std::unexpected(opened.error());
  return sink;
}

base::Result<void> KafkaSink::Open() {
  auto addresses = AddressesOf(options_.brokers);
  if (!addresses) return std::unexpected(addresses.error());
  const SecurityOptions& security = options_.security;
  if (security.UsesTls()) {
    if (auto made = OnCertificates(); !made) return made;
  }
  if (security.UsesSasl() && !security.UsesTokens()) {
    base::Result<std::string> password = security.password;
    if (security.password_file.Set()) password = ReadSecret(security.password_file);
    if (!password) return std::unexpected(password.error());
    const base::MutexLock lock(mutex_);
    password_ = std::move(*password);
  }
  for (size_t lane = 0; lane < options_.lanes; ++lane) {
    lanes_.push_back(std::make_unique<KafkaLane>(*this, lane, *addresses));
  }
  return {};
}

SinkLane& KafkaSink::Lane(size_t lane) { return *lanes_.at(lane); }

SinkStatus KafkaSink::Status() const {
  SinkStatus status = reports_.Status();
  status.one_ack_topics = topics_.OneAckTopics();
  return status;
}

void KafkaSink::RequestLimits() {
  size_limits_.RequestSoon();
  lanes_.front()->ScheduleTurn();
}

void KafkaSink::WatchLimits(std::string_view topic) {
  size_limits_.Watch(topic, CodecFor(topic) != wire::Codec::kNone);
  if (!lanes_.empty()) lanes_.front()->ScheduleTurn();
}

void KafkaSink::OnReplicas(const std::string& topic, uint32_t replicas) {
  const base::MutexLock lock(mutex_);
  replicas_[topic] = replicas;
}

void KafkaSink::OnTopicKnown(std::string_view topic, const SizeLimits::Known& known) {
  Topic& kept = topics_.Of(topic);
  kept.compacted.store(known.compacted, std::memory_order_relaxed);
  kept.one_ack.store(known.one_ack, std::memory_order_relaxed);
  kept.bytes_max.store(known.bytes_max.value_or(Topic::kAnySize), std::memory_order_relaxed);
  OnNewRules();
  if (limits_ == nullptr) return;
  limits_->Learn(topic, topic, known.bytes_max);
  if (topic == options_.topic) limits_->Learn({}, topic, known.bytes_max);
}

void KafkaSink::UseTopics(std::vector<TopicOptions> topics) {
  topics_.Replace(std::move(topics));
  OnNewRules();
}

void KafkaSink::OnNewRules() {
  rules_version_.fetch_add(1, std::memory_order_release);
  for (const auto& lane : lanes_) lane->ScheduleTurn();
}

native::TopicQueue::Rules KafkaSink::RulesOf(std::string_view topic) {
  const Topic& known = topics_.Of(topic);
  return {.batch_bytes_max = std::min(known.bytes_max.load(std::memory_order_relaxed), kBatchBytesMax),
          .codec = CodecFor(topic),
          .compacted = known.compacted.load(std::memory_order_relaxed)};
}

wire::Codec KafkaSink::CodecFor(std::string_view topic) const {
  const std::string own = topics_.CompressionOf(topic);
  return wire::CodecOf(own.empty() ? options_.compression : own).value_or(wire::Codec::kNone);
}

// --- credentials

bool KafkaSink::HasCredentials() const {
  if (!options_.security.UsesTokens()) return true;
  const base::MutexLock lock(mutex_);
  return token_.has_value();
}

bool KafkaSink::HasExpiredToken() const {
  const base::MutexLock lock(mutex_);
  return token_ && token_->expires_at <= clock_.WallNow();
}

std::shared_ptr<native::TlsContext> KafkaSink::Tls() const {
  const base::MutexLock lock(mutex_);
  return tls_;
}

base::Result<std::unique_ptr<native::SaslExchange>> KafkaSink::MakeSasl() const {
  const SecurityOptions& security = options_.security;
  const base::MutexLock lock(mutex_);
  if (security.UsesTokens()) {
    if (!token_) return base::Fail(base::ErrorKind::kUnavailable, "there is no token yet");
    return native::MakeOAuthBearer(token_->value, token_->extensions);
  }
  if (security.mechanism == "PLAIN") return native::MakePlain(security.username, password_);
  const bool longer = security.mechanism == "SCRAM-SHA-512";
  return native::MakeScram(longer ? native::ScramHash::kSha512 : native::ScramHash::kSha256,
                           security.username, password_, Nonce());
}

void KafkaSink::NotifyLanes() {
  reports_.NewCredentials();
  for (const auto& lane : lanes_) lane->OnCredentials();
}

void KafkaSink::OnPassword(const std::string& password) {
  {
    const base::MutexLock lock(mutex_);
    password_ = password;
  }
  NotifyLanes();
}

base::Result<void> KafkaSink::OnToken(const AccessToken& token) {
  {
    const base::MutexLock lock(mutex_);
    token_ = token;
  }
  NotifyLanes();
  return {};
}

void KafkaSink::OnNoToken(const base::Error& error) {
  constexpr std::string_view kWhere = "the token source";
  if (error.kind == base::ErrorKind::kInvalid) {
    reports_.CredentialsRejected(ClusterReports::kEveryLane, "token_refused", kWhere, error.message);
  } else {
    reports_.Fault("token_unavailable", kWhere, error.message);
  }
}

base::Result<void> KafkaSink::OnCertificates() {
  auto made = native::TlsContext::Make(options_.security);
  if (!made) return std::unexpected(made.error());
  {
    const base::MutexLock lock(mutex_);
    tls_ = std::move(*made);
  }
  NotifyLanes();
  return {};
}

}  // namespace ei::kafka
