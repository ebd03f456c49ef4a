#include "adapters/kafka/native/native_sink.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <utility>

#include <boost/asio/post.hpp>

#include "app/dead_letter_headers.h"
#include "base/thread_name.h"

namespace ei::kafka::native {

using app::DeliveryReport;
using app::OutboundEvent;
using app::Verdict;

namespace {

constexpr uint64_t kBatchBytes = 1'000'000;
constexpr std::array<std::string_view, 3> kConfigNames = {"max.message.bytes", "cleanup.policy",
                                                          "min.insync.replicas"};

std::vector<wire::RecordHeader> ViewsOf(const app::Headers& headers) {
  std::vector<wire::RecordHeader> views;
  for (const auto& [name, value] : headers) views.push_back({name, value});
  return views;
}

std::optional<std::string_view> KeyOf(const OutboundEvent& event) {
  return event.has_key ? std::optional(event.key) : std::nullopt;
}

// For a batch of them without headers; with, it grows.
uint64_t RoomFor(std::span<const OutboundEvent> events) {
  uint64_t bytes = wire::RecordBatch::kHeaderBytes;
  for (const OutboundEvent& event : events)
    bytes += wire::RecordBatch::BytesOf(KeyOf(event), event.value, {});
  return bytes;
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
                      if (refused) TellRefusal("tls_failed", "TLS", reason);
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
  Gathered gathered{.lane = lane, .now_ms = NowMs(), .failures_seen = failures_seen};
  while (!events.empty()) {
    const app::DestinationId destination = events.front().destination;
    size_t run = 1;  // that goes to one partition
    if (Topic::PartitionOf(destination) != Topic::kPartitionsMax) {
      while (run < events.size() && events[run].destination == destination) ++run;
    }
    AddRun(events.first(run), gathered);
    events = events.subspan(run);
  }
  for (const Handed& one : gathered.handed) one.batch->records.UseCodec(CodecFor(one.topic));
  Hand(std::move(gathered.handed));
}

// To one partition, or a single event that has none yet.
void NativeSink::AddRun(std::span<const OutboundEvent> events, Gathered& gathered) {
  const OutboundEvent& first = events.front();
  const auto partition = Topic::PartitionOf(first.destination);
  const bool placed = partition != Topic::kPartitionsMax;
  const uint64_t limit =
      std::min(topics_.Of(first.topic).bytes_max.load(std::memory_order_relaxed), kBatchBytes);
  const auto open = placed ? gathered.open.find(first.destination) : gathered.open.end();
  Batch* batch = open == gathered.open.end() ? nullptr : gathered.handed[open->second].batch.get();
  for (size_t i = 0; i < events.size(); ++i) {
    const OutboundEvent& event = events[i];
    const app::Headers traces = app::TraceHeaders(event.traceparent);
    const std::vector<wire::RecordHeader> headers = ViewsOf(traces);
    const size_t bytes = wire::RecordBatch::BytesOf(KeyOf(event), event.value, headers);
    if (batch == nullptr || batch->records.Bytes() + bytes > limit) {
      Handed& one = gathered.handed.emplace_back();
      one.topic = topics_.Keep(topics_.NameOf(event.topic));
      one.failures_seen = gathered.failures_seen;
      one.batch = std::make_unique<Batch>(gathered.now_ms);
      batch = one.batch.get();
      batch->records.Reserve(std::min(limit, RoomFor(events.subspan(i))));
      batch->tokens.reserve(events.size() - i);
      if (placed) {
        one.partition = static_cast<int32_t>(partition);
        gathered.open[event.destination] = gathered.handed.size() - 1;
      } else if (event.has_key) {
        one.key_hash = event.key_hash;
      }
    }
    batch->records.Append(KeyOf(event), event.value, headers);
    batch->tokens.push_back(Pack(gathered.lane, event.token));
  }
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
  letter.batch->impatient = true;
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
  if (IsBehindGivenBack(handed)) {
    return GiveBack(*handed.batch, Verdict::kTransient, "taken_back", "an earlier event has just failed",
                    handed.topic);
  }
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
    return GiveBack(*handed.batch, Verdict::kTransient, "taken_back", "the topic has fewer partitions now",
                    handed.topic);
  }
  producer_->Add(topic, handed.partition, std::move(handed.batch));
}

void NativeSink::Turn() {
  // Nothing can be asked without it, and to be refused for that would look like wrong credentials.
  if (options_.security.UsesTokens() && !token_) return;
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

}  // namespace ei::kafka::native
