// Long because: it puts all parts together, in the order in which they start and stop.

#include "main/service.h"

#include <algorithm>
#include <limits>
#include <random>
#include <thread>

#include "adapters/auth/clients_authenticator.h"
#include "adapters/file_sink/file_sink.h"
#include "adapters/json/event_decoder.h"
#include "base/mutex.h"
#include "journal/memory_journal.h"
#include "main/issuer_keys.h"
#include "main/leftover_log.h"
#include "settings/clients_file.h"
#include "settings/cores.h"
#include "settings/file_limit.h"
#include "settings/kafka_tokens.h"
#include "settings/log_sizes.h"

namespace ei::service {

namespace {

constexpr size_t kDefaultWorkersMax = 4;
constexpr size_t kClientsCountedMax = 100;  // clients with metrics of their own
// The events of a stalled partition hold memory that the others need. With a log there is time to wait for a
// leader that only moves, unless the partition has a good part of the memory: then its further events stay on
// the disk.
constexpr auto kStalledAfter = std::chrono::milliseconds(100);
constexpr auto kStalledAfterWithLog = std::chrono::seconds(2);
constexpr uint64_t kLargePart = 8;  // an eighth of the events in memory, over all lanes
// Between the starts of two commits of a busy log. A longer time spares the disk, a shorter one answers
// sooner.
constexpr auto kCommitInterval = std::chrono::microseconds(500);
constexpr auto kLastScrape = std::chrono::seconds(1);  // so that the count of lost events can be scraped
constexpr auto kAnswerTime = std::chrono::seconds(2);  // for the last replies after the storage has failed

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

size_t Workers(const Settings& settings) {
  return settings.workers.workers > 0 ? settings.workers.workers : std::min(Cores(), kDefaultWorkersMax);
}

// Sleeps for `duration`. Can't be interrupted: a second signal ends the process instead.
void Pause(const Clock& clock, base::Duration duration) {
  const base::SteadyTime until = clock.Now() + duration;
  base::Mutex mutex;
  base::CondVar never;
  const base::MutexLock lock(mutex);
  while (clock.Now() < until) never.WaitUntil(mutex, until);
}

// With `leftover` the settings were not checked for use with a log, so a log that is too small is enlarged.
wal::WalOptions WalOptionsOf(const Settings& settings, size_t lanes, bool leftover,
                             ClientShares* shares = nullptr, IdempotencyWindow* window = nullptr) {
  wal::WalOptions options = settings.wal;
  if (leftover) options.bytes_max = std::max(options.bytes_max, LogBytesMin(settings));
  options.segment_bytes = SegmentBytes(settings, options.bytes_max);
  options.window_events_max = settings.journal.events_max;
  options.window_bytes_max = settings.journal.bytes_max;
  options.lanes = lanes;
  if (settings.sink == SinkKind::kKafka) options.topic = settings.kafka.topic;
  options.shares = shares;
  options.awaited_events_max = settings.journal.events_max;
  options.window = window;
  options.retain_events = settings.idempotency.events_max;
  options.retain_time = settings.idempotency.time;
  return options;
}

}  // namespace

Service::Service(const Settings& settings, const Routing& routing, const Clock& clock, Log& log,
                 telemetry::Metrics& metrics)
    : settings_(settings),
      routing_(routing),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      routes_(routing.routes),
      accounts_(kClientsMax),
      bucket_(settings.shares.rate, settings.shares.burst) {}

base::Result<void> Service::Start(std::function<void()> storage_failed) {
  const size_t lanes = Workers(settings_);
  if (auto opened = OpenClients(); !opened) return opened;
  if (auto opened = OpenTokens(); !opened) return opened;
  if (auto checked = CheckForLeftoverLog(); !checked) return checked;
  if (auto opened = OpenSink(lanes); !opened) return opened;
  OpenShares();
  OpenWindow();
  if (auto opened = OpenJournal(lanes, std::move(storage_failed)); !opened) return opened;
  if (window_ != nullptr && wal_ != nullptr) RestoreWindow();

  WorkerPool::Options pool = settings_.workers;
  pool.workers = lanes;
  pool.seed = RandomSeed();
  if (settings_.sink != SinkKind::kKafka) pool.gather = WorkerPool::Options().gather;
  pool.dead_letter_retries = {settings_.kafka.retry_backoff, kRetryBackoffMax, 0};
  workers_ = std::make_unique<WorkerPool>(
      pool, DeliveryContext{*journal_, drain_rate_, clock_, metrics_, log_, dead_letter_file_.get()}, *sink_);
  sink_->OnStalls([this](std::vector<StalledTopic> stalls) { journal_->SetStalls(std::move(stalls)); });
  workers_->Start();
  if (credentials_) credentials_->Start();
  if (wal_threads_) wal_threads_->Start();

  Ingest::Options ingest = settings_.ingest;
  ingest.limits = {settings_.decoder.event_bytes_max};
  ingest.has_wal = JournalIsWal(settings_);
  if (settings_.sink == SinkKind::kKafka) ingest.default_topic = settings_.kafka.topic;
  ingest.body_bytes_max = settings_.http.body_bytes_max;
  ingest_ = std::make_unique<Ingest>(ingest, bucket_, *journal_, drain_rate_, topic_limits_, clock_, metrics_,
                                     window_.get(), sink_.get(), shares_.get(), &log_);
  RegisterGauges();
  return Listen();
}

base::Result<void> Service::OpenClients() {
  using telemetry::MetricId;
  const std::string_view address = settings_.http.address;
  const bool open = !settings_.auth.Any() && !address.starts_with("127.") && address != "::1";
  metrics_.AddGauge(MetricId::kOpenAccess, [open] { return open ? 1.0 : 0.0; });
  if (open) {
    log_.Write(
        LogLevel::kWarn, "auth",
        "anyone who reaches the port from the network may send events; set auth.methods (AUTH), unless "
        "something else keeps others away",
        {{"address", address}});
  }
  const auto series = [this](uint64_t ClientAccounts::Count::* member) {
    return [this, member] {
      std::vector<telemetry::Metrics::Labelled> samples;
      for (const auto& count : accounts_.Counts(kClientsCountedMax)) {
        samples.push_back({count.name, static_cast<double>(count.*member)});
      }
      return samples;
    };
  };
  metrics_.AddSeries(MetricId::kClientEventsAccepted, series(&ClientAccounts::Count::accepted));
  metrics_.AddSeries(MetricId::kClientEventsRejected, series(&ClientAccounts::Count::rejected));
  if (settings_.auth.clients_file.empty()) return {};
  auto clients = KnownClients::Open(settings_, accounts_, clock_, log_);
  if (!clients) return std::unexpected(std::move(clients.error()));
  clients_ = std::move(*clients);
  metrics_.AddCounter(MetricId::kClientsFileFailures,
                      [clients = clients_.get()] { return clients->Failures(); });
  return {};
}

base::Result<void> Service::OpenTokens() {
  if (!settings_.auth.Uses("jwt")) return {};
  issuer_keys_ = std::make_unique<auth::JwksSource>(IssuerKeysOf(settings_.auth), clock_, log_);
  metrics_.AddCounter(telemetry::MetricId::kJwksFailures,
                      [source = issuer_keys_.get()] { return source->Failures(); });
  metrics_.AddGauge(telemetry::MetricId::kJwksAge, [source = issuer_keys_.get(), this] {
    const auto last = source->LastSuccess();
    return last ? std::chrono::duration<double>(clock_.WallNow() - *last).count()
                : std::numeric_limits<double>::infinity();
  });
  tokens_ = std::make_unique<auth::JwtVerifier>(
      auth::JwtVerifier::Options{.issuers = {settings_.auth.jwt_issuer},
                                 .audiences = {settings_.auth.jwt_audience},
                                 .leeway = settings_.auth.jwt_leeway},
      *issuer_keys_);
  return issuer_keys_->Start();
}

std::unique_ptr<Authenticator> Service::MakeAuthenticator() {
  auth::ClientsAuthenticator::Options options;
  options.keys = settings_.auth.Uses("keys");
  options.certificates = settings_.auth.Uses("mtls");
  if (clients_ != nullptr) options.clients = &clients_->Current();
  options.tokens = tokens_.get();
  options.token_client_claim = settings_.auth.jwt_client_claim;
  options.accounts = &accounts_;
  options.remember_key = {RandomSeed(), RandomSeed()};
  return std::make_unique<auth::ClientsAuthenticator>(std::move(options));
}

// Capacities are in the units that the journal charges to clients.
void Service::OpenShares() {
  if (settings_.shares.clients_max == 0) return;
  ClientShares::Options options = settings_.shares;
  const auto capacity = [&](Shared what) -> uint64_t& {
    return options.capacities[static_cast<size_t>(what)];
  };
  capacity(Shared::kConnections) = settings_.http.connections_max;
  capacity(Shared::kReadBytes) = settings_.http.inflight_bytes_max;
  capacity(Shared::kAwaitedEvents) = settings_.journal.events_max;
  if (HasWal()) {
    const wal::WalOptions log = WalOptionsOf(settings_, 1, log_is_leftover_);
    capacity(Shared::kJournalBytes) = log.ShareableBytes();
    capacity(Shared::kUnsyncedBytes) = log.UnsyncedBytesMax();
  } else {
    capacity(Shared::kJournalEvents) = settings_.journal.events_max;
    capacity(Shared::kJournalBytes) = settings_.journal.bytes_max;
  }
  options.key = {RandomSeed(), RandomSeed()};
  shares_ = std::make_unique<ClientShares>(options);
}

// Acknowledged events of an earlier configuration must be delivered, also if the ack level needs no log now.
base::Result<void> Service::CheckForLeftoverLog() {
  if (JournalIsWal(settings_)) return {};
  const auto left = EventsLeftInLog(settings_.wal_dir);
  if (!left) return std::unexpected(left.error());
  if (*left == 0) return {};
  auto directory = wal::PosixDirectory::OpenForWriting(settings_.wal_dir);
  if (!directory && directory.error().kind == base::ErrorKind::kUnavailable) {
    log_.Write(LogLevel::kInfo, "wal",
               "another process uses the log in wal.dir (WAL_DIR) and delivers its events",
               {{"events", *left}, {"dir", std::string_view(settings_.wal_dir)}});
    return {};
  }
  if (!directory) return std::unexpected(directory.error());
  wal_directory_ = std::move(*directory);
  log_is_leftover_ = true;
  log_.Write(
      LogLevel::kWarn, "wal",
      "the write-ahead log holds acknowledged events of an earlier configuration; ingest.ack (ACK) doesn't "
      "need it, but it is used as the journal until they are delivered and the service is restarted",
      {{"events", *left}, {"dir", std::string_view(settings_.wal_dir)}});
  return {};
}

base::Result<void> Service::OpenJournal(size_t lanes, std::function<void()> storage_failed) {
  if (HasWal()) {
    if (auto opened = OpenWal(lanes); !opened) return opened;
  } else {
    MemoryJournal::Options options = settings_.journal;
    options.lanes = lanes;
    options.shares = shares_.get();
    options.awaited_events_max = options.events_max;
    options.window = window_.get();
    journal_ = std::make_unique<MemoryJournal>(options);
  }
  journal_->OnFailed(std::move(storage_failed));
  return {};
}

base::Result<void> Service::OpenWal(size_t lanes) {
  if (wal_directory_ == nullptr) {
    auto directory = wal::PosixDirectory::OpenForWriting(settings_.wal_dir);
    if (!directory) return std::unexpected(directory.error());
    wal_directory_ = std::move(*directory);
  }
  auto journal =
      wal::WalJournal::Open(WalOptionsOf(settings_, lanes, log_is_leftover_, shares_.get(), window_.get()),
                            *wal_directory_, clock_, log_, RandomSeed());
  if (!journal) return std::unexpected(journal.error());
  wal_ = journal->get();
  journal_ = std::move(*journal);
  wal_threads_ = std::make_unique<wal::WalThreads>(
      *wal_, clock_,
      wal::WalThreads::Options{.commit_interval = kCommitInterval, .committed = [this](base::Duration took) {
                                 metrics_.JournalCommitted(took);
                               }});
  RegisterWalMetrics();
  return {};
}

void Service::OpenWindow() {
  if (settings_.idempotency.events_max == 0) return;
  IdempotencyWindow::Options options;
  options.ids = settings_.idempotency;
  options.ids.request_events_max = settings_.decoder.batch_events_max;
  options.key = {RandomSeed(), RandomSeed()};
  window_ = std::make_unique<IdempotencyWindow>(options);
}

void Service::RestoreWindow() {
  const base::SteadyTime began = clock_.Now();
  const auto decoder = json::MakeEventDecoder(settings_.decoder);
  wal_->ReadRetained([&](const wal::RetainedEvent& event) {
    if (!event.named) return;
    const DecodedRequest decoded = decoder->DecodeDocument(event.value);
    if (decoded.events.size() != 1 || decoded.events.front().id.kind != Member::Kind::kString) return;
    window_->Restore(decoded.events.front(), {.position = event.position,
                                              .accepted_at = event.accepted_at,
                                              .settled = event.settled,
                                              .client = event.client,
                                              .written = event.written});
  });
  const std::chrono::duration<double> took = clock_.Now() - began;
  log_.Write(LogLevel::kInfo, "ingest", "the idempotency window was rebuilt from the log",
             {{"ids", window_->Size()}, {"seconds", took.count()}});
}

base::Result<void> Service::OpenSink(size_t lanes) {
  switch (settings_.sink) {
    case SinkKind::kKafka: return OpenKafkaSink(lanes);
    case SinkKind::kFile: return OpenFileSink(lanes);
  }
  return {};
}

base::Result<void> Service::OpenFileSink(size_t lanes) {
  file_sink::Options options = settings_.file;
  options.lanes = lanes;
  options.retries = {settings_.kafka.retry_backoff, kRetryBackoffMax, 0};
  options.seed = RandomSeed();
  auto opened = file_sink::FileSink::Open(options, log_, clock_, metrics_);
  if (!opened) return std::unexpected(opened.error());
  sink_ = std::move(*opened);
  log_.Write(LogLevel::kInfo, "sink", "events go to files", {{"dir", std::string_view(options.directory)}});
  return {};
}

base::Result<void> Service::OpenKafkaSink(size_t lanes) {
  kafka::KafkaOptions options = KafkaOptionsOf(settings_, clock_);
  options.lanes = lanes;
  options.topics = routing_.topics;
  options.stall_rule.after = HasWal() ? kStalledAfterWithLog : base::Duration(kStalledAfter);
  options.stall_rule.after_if_large = kStalledAfter;
  options.stall_rule.large_records = settings_.journal.events_max / (kLargePart * lanes);
  auto created = kafka::KafkaSink::Create(options, clock_, log_, &metrics_, &topic_limits_);
  if (!created) return std::unexpected(created.error());
  kafka_ = created->get();
  sink_ = std::move(*created);
  if (options.security.Secured()) {
    credentials_ = std::make_unique<kafka::CredentialRefresher>(options.security, clock_, log_, *kafka_);
  }
  OpenDeadLetterFile();
  log_.Write(LogLevel::kInfo, "sink", "events go to Kafka",
             {{"brokers", std::string_view(options.brokers)},
              {"security", std::string_view(options.security.protocol)},
              {"topic", std::string_view(options.topic)},
              {"dead_letter_topic", std::string_view(options.dlq_topic)}});
  return {};
}

void Service::OpenDeadLetterFile() {
  constexpr uint64_t kSegmentsMin = 16;  // so that some can be moved away while the newest is written
  constexpr uint64_t kSegmentBytesMax = 64 << 20;
  file_sink::DeadLetterFileOptions options = settings_.dead_letter;
  options.segment_bytes = std::min(kSegmentBytesMax, options.bytes_max / kSegmentsMin);
  dead_letter_file_ = std::make_unique<file_sink::DeadLetterFile>(options, log_, clock_);
  metrics_.AddGauge(telemetry::MetricId::kDeadLetterFileBytes,
                    [file = dead_letter_file_.get()] { return static_cast<double>(file->Bytes()); });
  metrics_.AddGauge(telemetry::MetricId::kDeadLetterFileCapacity,
                    [max = options.bytes_max] { return static_cast<double>(max); });
  metrics_.AddCounter(telemetry::MetricId::kDeadLetterFileFailures,
                      [file = dead_letter_file_.get()] { return file->Failures(); });
}

base::Result<void> Service::Listen() {
  http::HttpOptions options = settings_.http;
  options.threads = ThreadsOrCores(options.threads);
  options.refused_connections_max = RefusedConnectionsMax(options.connections_max);
  http::Operations operations;
  operations.unready_reason = [this] { return UnreadyReason(); };
  operations.expose_metrics = [this](bool openmetrics) {
    return metrics_.Expose(openmetrics ? telemetry::Exposition::kOpenMetrics : telemetry::Exposition::kText);
  };
  auto started = http::Server::Start(
      options,
      {.ingest = *ingest_,
       .shares = shares_.get(),
       .journal = *journal_,
       .clock = clock_,
       .telemetry = metrics_,
       .log = log_,
       .operations = operations,
       .limits = {settings_.decoder.depth_max, settings_.decoder.batch_events_max, settings_.client_header},
       .routes = routes_,
       .make_decoder = [this] { return json::MakeEventDecoder(settings_.decoder); },
       .make_authenticator = settings_.auth.Any() ? [this] { return MakeAuthenticator(); }
                                                  : std::function<std::unique_ptr<Authenticator>()>(),
       .seed = RandomSeed()});
  if (!started) return std::unexpected(started.error());
  server_ = std::move(*started);
  metrics_.AddGauge(telemetry::MetricId::kHttpConnections,
                    [server = server_.get()] { return static_cast<double>(server->Connections()); });
  metrics_.AddGauge(telemetry::MetricId::kHttpInflightBytes,
                    [server = server_.get()] { return static_cast<double>(server->InflightBytes()); });
  metrics_.AddGauge(telemetry::MetricId::kRequestsWaiting,
                    [server = server_.get()] { return static_cast<double>(server->WaitingRequests()); });
  if (const http::TlsCredentials* const tls = server_->Tls()) {
    metrics_.AddGauge(telemetry::MetricId::kTlsCertificateExpiry, [tls] {
      return std::chrono::duration<double>(tls->ExpiresAt().time_since_epoch()).count();
    });
    metrics_.AddCounter(telemetry::MetricId::kTlsReloadFailures, [tls] { return tls->FailedReloads(); });
  }
  server_->Serve();
  log_.Write(LogLevel::kInfo, "http", "listening",
             {{"address", std::string_view(settings_.http.address)},
              {"port", uint64_t{server_->Port()}},
              {"tls", server_->Tls() != nullptr}});
  if (const auto admin_port = server_->AdminPort()) {
    log_.Write(LogLevel::kInfo, "admin", "listening",
               {{"address", std::string_view(settings_.http.address)}, {"port", uint64_t{*admin_port}}});
  }
  return {};
}

void Service::RegisterGauges() {
  metrics_.AddJournal([journal = journal_.get()] { return journal->Stats(); });
  metrics_.AddGauge(telemetry::MetricId::kSinkInflightEvents,
                    [workers = workers_.get()] { return static_cast<double>(workers->InFlight()); });
  metrics_.AddGauge(telemetry::MetricId::kDeliveryWaitingEvents,
                    [workers = workers_.get()] { return static_cast<double>(workers->Waiting()); });
  metrics_.AddGauge(telemetry::MetricId::kStuckDestinations,
                    [sink = sink_.get()] { return static_cast<double>(sink->Status().stalled); });
  if (shares_ != nullptr) {
    metrics_.AddGauge(telemetry::MetricId::kClients,
                      [shares = shares_.get()] { return static_cast<double>(shares->Known()); });
    metrics_.AddGauge(telemetry::MetricId::kClientJournalPart, [shares = shares_.get()] {
      return std::max(shares->LargestPart(Shared::kJournalEvents),
                      shares->LargestPart(Shared::kJournalBytes));
    });
  }
  metrics_.AddGauge(telemetry::MetricId::kSinkRefused,
                    [sink = sink_.get()] { return sink->Status().refused ? 1.0 : 0.0; });
  metrics_.AddGauge(telemetry::MetricId::kSinkPause, [sink = sink_.get()] {
    return std::chrono::duration<double>(sink->Status().pause).count();
  });
  metrics_.AddGauge(telemetry::MetricId::kOneAckTopics,
                    [sink = sink_.get()] { return static_cast<double>(sink->Status().one_ack_topics); });
  if (kafka_ != nullptr) RegisterBrokerMetrics();
}

void Service::RegisterBrokerMetrics() {
  using Counts = kafka::ClusterReports::BrokerCounts;
  const auto series = [sink = kafka_](double (*value)(const Counts&)) {
    return [sink, value] {
      std::vector<telemetry::Metrics::Labelled> samples;
      for (const auto& [broker, counts] : sink->Brokers()) samples.push_back({broker, value(counts)});
      return samples;
    };
  };
  metrics_.AddSeries(telemetry::MetricId::kBrokerLetIn,
                     series([](const Counts& counts) { return static_cast<double>(counts.let_in); }));
  metrics_.AddSeries(telemetry::MetricId::kBrokerRequests,
                     series([](const Counts& counts) { return static_cast<double>(counts.requests); }));
  metrics_.AddSeries(telemetry::MetricId::kBrokerRequestTime, series([](const Counts& counts) {
                       return std::chrono::duration<double>(counts.time).count();
                     }));
}

void Service::RegisterWalMetrics() {
  using telemetry::MetricId;
  const auto count = [this](uint64_t wal::WalCounts::* member) {
    return [journal = wal_, member] { return journal->Counts().*member; };
  };
  metrics_.AddCounter(MetricId::kJournalRecovered, count(&wal::WalCounts::recovered));
  metrics_.AddCounter(MetricId::kJournalLost, count(&wal::WalCounts::lost));
  metrics_.AddCounter(MetricId::kWalWritten, count(&wal::WalCounts::commit_bytes));
  const auto gauge = [count](uint64_t wal::WalCounts::* member) {
    return [read = count(member)] { return static_cast<double>(read()); };
  };
  metrics_.AddGauge(MetricId::kWalMemory, gauge(&wal::WalCounts::memory_bytes));
  metrics_.AddGauge(MetricId::kWalBacklog, gauge(&wal::WalCounts::backlog_events));
  metrics_.AddGauge(MetricId::kWalDeferred, gauge(&wal::WalCounts::deferred_events));
  metrics_.AddGauge(MetricId::kWalSetAside, gauge(&wal::WalCounts::set_aside));
  metrics_.AddGauge(MetricId::kWalUnreadable, gauge(&wal::WalCounts::unreadable));
}

void Service::Reroute(const Routing& routing) {
  routes_.Replace(routing.routes);
  if (kafka_ != nullptr) kafka_->UseTopics(routing.topics);
}

uint64_t Service::EventsAtRisk() const {
  return wal_ != nullptr ? wal_->Counts().unsynced_events : journal_->Stats().events;
}

std::string Service::UnreadyReason() const {
  if (stopping_.load(std::memory_order_acquire)) return "the service is stopping";
  if (journal_->Failed()) return "the journal's storage failed: see the log";
  const Connectivity contact = sink_->Status().contact;
  if (contact == Connectivity::kRefused)
    return "the brokers, or the source of the tokens, reject the credentials (kafka.security), and have not "
           "accepted them since the start: see the log";
  if (contact == Connectivity::kPending && credentials_ != nullptr)
    return "no broker has accepted the credentials yet (kafka.security)";
  if (settings_.ingest.ack == AckLevel::kBroker && contact != Connectivity::kConnected)
    return "no broker has answered yet (kafka.brokers), and ingest.ack is broker";
  if (journal_->Full(0))
    return wal_ != nullptr ? "the write-ahead log is full (wal.bytes_max): check the brokers"
                           : "the journal is full (journal.events_max, journal.bytes_max): check the brokers";
  return {};
}

uint64_t Service::Stop() {
  stopping_.store(true, std::memory_order_release);
  server_->AnnounceClose();
  if (!StorageFailed()) Pause(clock_, settings_.shutdown.delay);

  const base::SteadyTime began = clock_.Now();
  const base::Duration timeout = StorageFailed() ? base::Duration(kAnswerTime) : settings_.shutdown.timeout;
  const size_t cut = server_->Stop(began + timeout / 2);
  ingest_->Close();
  journal_->Close();
  log_.Write(LogLevel::kInfo, "service", "no more requests; delivering the accepted events",
             {{"events", journal_->Stats().events}, {"connections_cut", uint64_t{cut}}});
  const uint64_t left = workers_->Drain(StorageFailed() ? began : began + timeout);
  workers_->Stop();
  if (wal_threads_) wal_threads_->Stop();
  const uint64_t lost = left > 0 ? ReportUndelivered(left) : 0;
  server_->StopOperations();
  return lost;
}

uint64_t Service::ReportUndelivered(uint64_t left) {
  const uint64_t lost = EventsAtRisk();
  if (lost < left) {
    log_.Write(LogLevel::kWarn, "service",
               "events that were not delivered within shutdown.timeout stay in the write-ahead log",
               {{"events", left - lost}, {"dir", std::string_view(settings_.wal_dir)}});
  }
  if (lost > 0) {
    metrics_.EventsUndelivered(lost);
    log_.Write(LogLevel::kError, "service",
               "accepted events were not delivered within shutdown.timeout and are lost", {{"events", lost}});
    if (server_->AdminPort()) Pause(clock_, kLastScrape);
  }
  return lost;
}

Service::~Service() {
  server_.reset();
  if (workers_) workers_->Stop();
  // The log's threads wake the workers' lanes until they have ended, so the workers go after them.
  if (wal_threads_) wal_threads_->Stop();
  workers_.reset();
  credentials_.reset();
  sink_.reset();
}

}  // namespace ei::service
