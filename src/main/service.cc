#include "main/service.h"

#include <algorithm>
#include <random>
#include <thread>

#include "adapters/file_sink/file_sink.h"
#include "adapters/json/event_decoder.h"
#include "adapters/memory_journal/memory_journal.h"
#include "base/mutex.h"
#include "main/adapter_options.h"

namespace ei::service {

namespace {

constexpr size_t kDefaultWorkersMax = 4;
constexpr size_t kTakenEventsMax = 1'000'000;  // by a worker; their slots take 200 bytes each
// What waits for a stuck partition holds memory that the others need. With a log they go on to the disk
// meanwhile, and a partition whose leader is only moving needs not be refused.
constexpr auto kStuckAfterInMemory = std::chrono::milliseconds(100);
constexpr auto kStuckAfterWithLog = std::chrono::seconds(2);
constexpr auto kRetryBackoffMax = std::chrono::seconds(10);
constexpr auto kAnswerTime = std::chrono::seconds(2);  // for the last replies after the storage has failed

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

size_t Workers(const Settings& settings) {
  return settings.delivery.workers > 0 ? settings.delivery.workers : std::min(Cores(), kDefaultWorkersMax);
}

// Lets `duration` pass; a second signal ends the process meanwhile, so nothing needs to wake this.
void Pause(const app::Clock& clock, base::Duration duration) {
  const base::SteadyTime until = clock.Now() + duration;
  base::Mutex mutex;
  base::CondVar never;
  const base::MutexLock lock(mutex);
  while (clock.Now() < until) never.WaitUntil(mutex, until);
}

}  // namespace

Service::Service(const Settings& settings, const Routing& routing, const app::Clock& clock, app::Log& log,
                 telemetry::Metrics& metrics)
    : settings_(settings),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      routes_(routing.routes),
      receipts_(settings.journal.events_max),
      bucket_(settings.rate_limit.rps, static_cast<double>(settings.rate_limit.burst)) {}

base::Result<std::unique_ptr<Service>> Service::Start(const Settings& settings, const Routing& routing,
                                                      const app::Clock& clock, app::Log& log,
                                                      telemetry::Metrics& metrics,
                                                      std::function<void()> storage_failed) {
  std::unique_ptr<Service> service(new Service(settings, routing, clock, log, metrics));
  const size_t lanes = Workers(settings);
  if (auto opened = service->OpenSink(lanes, routing); !opened) return std::unexpected(opened.error());
  service->OpenShares();
  if (auto opened = service->OpenJournal(lanes, std::move(storage_failed)); !opened) {
    return std::unexpected(opened.error());
  }

  service->OpenWindow();

  app::WorkerPool::Options pool;
  pool.workers = lanes;
  pool.seed = RandomSeed();
  if (settings.sink.kind == SinkKind::kKafka) pool.gather = settings.kafka.linger;
  pool.delivery.inflight_events_max = std::max<size_t>(1, settings.delivery.inflight_events_max / lanes);
  pool.delivery.taken_events_max = std::min<size_t>(settings.journal.events_max, kTakenEventsMax);
  pool.delivery.event_retries = {settings.kafka.retry_backoff, kRetryBackoffMax, settings.kafka.max_retries};
  pool.delivery.stuck_after =
      JournalIsWal(settings) ? kStuckAfterWithLog : base::Duration(kStuckAfterInMemory);
  pool.delivery.unknown_topic_grace = settings.kafka.unknown_topic_grace;
  pool.delivery.transient_retries = {settings.kafka.retry_backoff, kRetryBackoffMax, 0};
  service->stuck_ = std::make_unique<app::StuckDestinations>(*service->sink_, *service->journal_, lanes);
  service->workers_ = std::make_unique<app::WorkerPool>(
      pool, app::DeliveryContext{*service->journal_, *service->sink_, service->drain_rate_,
                                 service->receipts_, clock, metrics, log, service->window_.get(),
                                 service->dead_letter_file_.get(), service->stuck_.get()});
  service->workers_->Start();
  if (service->credentials_) service->credentials_->Start();
  if (service->wal_threads_) service->wal_threads_->Start();

  app::Ingest::Options ingest;
  ingest.limits = {settings.ingest.event_bytes_max, settings.ingest.id_bytes_max,
                   settings.ingest.type_bytes_max};
  ingest.ack = settings.ingest.ack;
  ingest.ack_min = settings.ingest.ack_min;
  ingest.has_wal = JournalIsWal(settings);
  ingest.body_bytes_max = settings.ingest.body_bytes_max;
  service->ingest_ =
      std::make_unique<app::Ingest>(ingest, service->bucket_, *service->journal_, service->receipts_,
                                    service->drain_rate_, service->topic_limits_, clock, metrics,
                                    service->window_.get(), service->stuck_.get(), service->shares_.get());
  service->RegisterGauges();
  if (auto listening = service->Listen(); !listening) return std::unexpected(listening.error());
  return service;
}

void Service::OpenShares() {
  if (settings_.http.clients_max == 0) return;
  const bool is_wal = JournalIsWal(settings_);
  app::ClientShares::Options options;
  const auto capacity = [&](app::Shared what) -> uint64_t& {
    return options.capacities[static_cast<size_t>(what)];
  };
  capacity(app::Shared::kConnections) = settings_.http.connections_max;
  capacity(app::Shared::kReadBytes) = settings_.http.inflight_bytes_max;
  capacity(app::Shared::kJournalEvents) = is_wal ? 0 : settings_.journal.events_max;
  capacity(app::Shared::kJournalBytes) = is_wal ? settings_.wal.bytes_max : settings_.journal.bytes_max;
  options.rate = settings_.rate_limit.rps;
  options.burst = static_cast<double>(settings_.rate_limit.burst);
  options.clients_max = settings_.http.clients_max;
  options.key = {RandomSeed(), RandomSeed()};
  shares_ = std::make_unique<app::ClientShares>(options);
}

base::Result<void> Service::OpenJournal(size_t lanes, std::function<void()> storage_failed) {
  if (JournalIsWal(settings_)) {
    if (auto opened = OpenWal(lanes); !opened) return opened;
  } else {
    journal_ = std::make_unique<memory_journal::MemoryJournal>(
        memory_journal::MemoryJournal::Options{.events_max = settings_.journal.events_max,
                                               .bytes_max = settings_.journal.bytes_max,
                                               .lanes = lanes,
                                               .shares = shares_.get()});
  }
  journal_->OnDurable([this, storage_failed = std::move(storage_failed)] {
    durable_wakes_.CallAll();
    if (journal_->Failed()) storage_failed();
  });
  return {};
}

base::Result<void> Service::OpenWal(size_t lanes) {
  auto directory = wal::PosixDirectory::OpenForWriting(settings_.wal.dir);
  if (!directory) return std::unexpected(directory.error());
  wal_directory_ = std::move(*directory);
  wal::WalOptions options;
  options.bytes_max = settings_.wal.bytes_max;
  options.segment_bytes = settings_.wal.segment_bytes;
  options.window_events_max = settings_.journal.events_max;
  options.window_bytes_max = settings_.journal.bytes_max;
  options.lanes = lanes;
  options.shares = shares_.get();
  options.retain_events = settings_.idempotency.events;
  options.retain_time = settings_.idempotency.time;
  auto journal = wal::WalJournal::Open(options, *wal_directory_, clock_, log_, RandomSeed());
  if (!journal) return std::unexpected(journal.error());
  wal_ = journal->get();
  journal_ = std::move(*journal);
  wal_threads_ = std::make_unique<wal::WalThreads>(
      *wal_, clock_,
      wal::WalThreads::Options{
          .commit_interval = settings_.wal.commit_interval,
          .committed = [this](base::Duration took) { metrics_.JournalCommitted(took); }});
  RegisterWalMetrics();
  return {};
}

void Service::OpenWindow() {
  if (settings_.idempotency.events == 0) return;
  app::IdempotencyWindow::Options options;
  options.ids.events_max = settings_.idempotency.events;
  options.ids.time = settings_.idempotency.time;
  options.ids.request_events_max = settings_.ingest.batch_events_max;
  options.key = {RandomSeed(), RandomSeed()};
  window_ = std::make_unique<app::IdempotencyWindow>(options);
  if (wal_ != nullptr) RestoreWindow();
}

// The log doesn't say which ids were generated; those are remembered too, which is of no harm.
void Service::RestoreWindow() {
  const base::SteadyTime began = clock_.Now();
  const auto decoder = json::MakeEventDecoder(DecoderOptionsOf(settings_));
  wal_->ReadRetained([&](const wal::RetainedEvent& event) {
    const app::DecodedRequest decoded = decoder->DecodeDocument(event.value);
    if (decoded.events.size() != 1 || decoded.events.front().id.kind != domain::Member::Kind::kString) return;
    window_->Restore(decoded.events.front(), event.position, event.accepted_at, event.settled);
  });
  const std::chrono::duration<double> took = clock_.Now() - began;
  log_.Write(app::LogLevel::kInfo, "ingest", "the idempotency window was rebuilt from the log",
             {{"ids", window_->Size()}, {"seconds", took.count()}});
}

base::Result<void> Service::OpenSink(size_t lanes, const Routing& routing) {
  if (settings_.sink.kind == SinkKind::kFile) {
    auto opened = file_sink::FileSink::Open({settings_.file.dir, settings_.file.segment_bytes}, log_, clock_);
    if (!opened) return std::unexpected(opened.error());
    sink_ = std::move(*opened);
    log_.Write(app::LogLevel::kInfo, "sink", "events go to files",
               {{"dir", std::string_view(settings_.file.dir)}});
    return {};
  }
  return OpenKafkaSink(lanes, routing);
}

base::Result<void> Service::OpenKafkaSink(size_t lanes, const Routing& routing) {
  const kafka::KafkaOptions options = KafkaOptionsOf(settings_, lanes, TopicOptionsOf(routing), clock_);
  auto created = kafka::KafkaSink::Create(options, log_, &metrics_, &topic_limits_);
  if (!created) return std::unexpected(created.error());
  kafka_ = created->get();
  if (options.security.Secured()) {
    credentials_ = std::make_unique<kafka::CredentialKeeper>(options.security, clock_, log_, **created);
  }
  sink_ = std::move(*created);
  OpenDeadLetterFile();
  log_.Write(app::LogLevel::kInfo, "sink", "events go to Kafka",
             {{"brokers", std::string_view(settings_.kafka.brokers)},
              {"security", std::string_view(options.security.protocol)},
              {"topic", std::string_view(settings_.kafka.topic)},
              {"dead_letter_topic", std::string_view(settings_.kafka.dlq_topic)}});
  return {};
}

void Service::OpenDeadLetterFile() {
  constexpr uint64_t kSegmentsMin = 16;  // so that some can be moved away while the newest is written
  constexpr uint64_t kSegmentBytesMax = 64 << 20;
  const DeadLetterSettings& letters = settings_.dead_letter;
  dead_letter_file_ = std::make_unique<file_sink::DeadLetterFile>(
      file_sink::DeadLetterFileOptions{letters.dir, letters.bytes_max,
                                       std::min(kSegmentBytesMax, letters.bytes_max / kSegmentsMin)},
      log_, clock_);
  metrics_.AddGauge(telemetry::MetricId::kLetterFileBytes,
                    [file = dead_letter_file_.get()] { return static_cast<double>(file->Bytes()); });
  metrics_.AddGauge(telemetry::MetricId::kLetterFileCapacity,
                    [max = letters.bytes_max] { return static_cast<double>(max); });
  metrics_.AddCounter(telemetry::MetricId::kLetterFileFailures,
                      [file = dead_letter_file_.get()] { return file->Failures(); });
}

base::Result<void> Service::Listen() {
  http::Operations operations;
  operations.unready_reason = [this] { return UnreadyReason(); };
  operations.expose_metrics = [this](bool openmetrics) {
    return metrics_.Expose(openmetrics ? telemetry::Exposition::kOpenMetrics : telemetry::Exposition::kText);
  };
  auto started = http::Server::Start(
      HttpOptionsOf(settings_),
      {.ingest = *ingest_,
       .shares = shares_.get(),
       .acks = {*journal_, durable_wakes_, receipts_},
       .clock = clock_,
       .telemetry = metrics_,
       .log = log_,
       .operations = operations,
       .limits = {settings_.ingest.depth_max, settings_.ingest.batch_events_max},
       .routes = routes_,
       .make_decoder = [options = DecoderOptionsOf(settings_)] { return json::MakeEventDecoder(options); },
       .seed = RandomSeed()});
  if (!started) return std::unexpected(started.error());
  server_ = std::move(*started);
  metrics_.AddGauge(telemetry::MetricId::kHttpConnections,
                    [server = server_.get()] { return static_cast<double>(server->Connections()); });
  metrics_.AddGauge(telemetry::MetricId::kHttpInflightBytes,
                    [server = server_.get()] { return static_cast<double>(server->InflightBytes()); });
  metrics_.AddGauge(telemetry::MetricId::kRequestsWaiting,
                    [server = server_.get()] { return static_cast<double>(server->WaitingRequests()); });
  server_->Serve();
  log_.Write(app::LogLevel::kInfo, "http", "listening",
             {{"address", std::string_view(settings_.http.address)}, {"port", uint64_t{server_->Port()}}});
  if (const auto admin_port = server_->AdminPort()) {
    log_.Write(app::LogLevel::kInfo, "admin", "listening",
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
                    [stuck = stuck_.get()] { return static_cast<double>(stuck->Count()); });
  if (shares_ != nullptr) {
    metrics_.AddGauge(telemetry::MetricId::kClients,
                      [shares = shares_.get()] { return static_cast<double>(shares->Known()); });
    metrics_.AddGauge(telemetry::MetricId::kClientJournalPart, [shares = shares_.get()] {
      return std::max(shares->LargestPart(app::Shared::kJournalEvents),
                      shares->LargestPart(app::Shared::kJournalBytes));
    });
  }
  metrics_.AddGauge(telemetry::MetricId::kSinkRefused,
                    [sink = sink_.get()] { return sink->Status().refused ? 1.0 : 0.0; });
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
  metrics_.AddGauge(MetricId::kWalSetAside, gauge(&wal::WalCounts::set_aside));
}

void Service::Reroute(const Routing& routing) {
  routes_.Replace(routing.routes);
  if (kafka_ != nullptr) kafka_->UseTopics(TopicOptionsOf(routing));
}

uint64_t Service::EventsAtRisk() const {
  return wal_ != nullptr ? wal_->Counts().unsynced_events : journal_->Stats().events;
}

std::string Service::UnreadyReason() const {
  if (stopping_.load(std::memory_order_acquire)) return "the service is stopping";
  if (journal_->Failed()) return "the journal's storage failed: see the log";
  const app::Contact contact = sink_->Status().contact;
  if (contact == app::Contact::kRefused)
    return "the brokers have not let this process in yet: they, or the source of its tokens, refuse the "
           "credentials (kafka.security); the log says more";
  if (contact == app::Contact::kPending && credentials_ != nullptr)
    return "no broker has answered to the credentials yet (kafka.security)";
  if (settings_.ingest.ack == domain::AckLevel::kBroker && contact != app::Contact::kReached)
    return "no broker has answered yet (kafka.brokers), and ingest.ack is broker";
  if (journal_->Full(0))
    return wal_ != nullptr ? "the write-ahead log is full (wal.bytes_max): check the brokers"
                           : "the journal is full (journal.events_max, journal.bytes_max): check the brokers";
  return {};
}

void Service::CloseSink() {
  credentials_.reset();
  sink_.reset();
}

uint64_t Service::Stop() {
  stopping_.store(true, std::memory_order_release);
  server_->AnnounceClose();
  if (!StorageFailed()) Pause(clock_, settings_.shutdown.delay);

  const base::SteadyTime began = clock_.Now();
  const base::Duration timeout = StorageFailed() ? kAnswerTime : base::Duration(settings_.shutdown.timeout);
  const size_t cut = server_->Stop(began + timeout / 2);
  ingest_->Close();
  journal_->Close();
  log_.Write(app::LogLevel::kInfo, "service", "no more requests; delivering what was accepted",
             {{"events", journal_->Stats().events}, {"connections_cut", uint64_t{cut}}});
  const uint64_t left = workers_->Drain(StorageFailed() ? began : began + timeout);
  workers_->Stop();
  CloseSink();
  if (wal_threads_) wal_threads_->Stop();
  if (left == 0) return 0;
  const uint64_t lost = EventsAtRisk();
  if (lost < left) {
    log_.Write(app::LogLevel::kWarn, "service",
               "events that were not delivered within shutdown.timeout stay in the write-ahead log",
               {{"events", left - lost}, {"dir", std::string_view(settings_.wal.dir)}});
  }
  if (lost > 0) {
    metrics_.EventsUndelivered(lost);
    log_.Write(app::LogLevel::kError, "service",
               "accepted events were not delivered within shutdown.timeout and are lost", {{"events", lost}});
  }
  return lost;
}

Service::~Service() {
  server_.reset();
  if (workers_) workers_->Stop();
  CloseSink();
  wal_threads_.reset();
}

}  // namespace ei::service
