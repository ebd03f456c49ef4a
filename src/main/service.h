#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "adapters/auth/jwt_verifier.h"
#include "adapters/file_sink/dead_letter_file.h"
#include "adapters/http/server.h"
#include "adapters/kafka/credential_refresher.h"
#include "adapters/kafka/kafka_sink.h"
#include "adapters/telemetry/metrics.h"
#include "adapters/wal/posix_disk.h"
#include "adapters/wal/wal_journal.h"
#include "adapters/wal/wal_threads.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/token_bucket.h"
#include "delivery/event_sink.h"
#include "delivery/topic_limits.h"
#include "delivery/worker_pool.h"
#include "event/current_routes.h"
#include "ingest/ingest.h"
#include "journal/drain_rate.h"
#include "journal/idempotency_window.h"
#include "journal/journal.h"
#include "main/known_clients.h"
#include "settings/routing_file.h"
#include "settings/settings.h"

namespace ei::service {

// The whole pipeline, put together from the settings. The only place of the service that names the concrete
// adapters.
//
// Start, Reroute, Stop and the destructor must be called from one thread. EventsAtRisk and EventsLeft may be
// called from any.
class Service {
 public:
  // Does nothing until Start. The references must outlive the service.
  Service(const Settings& settings, const Routing& routing, const Clock& clock, Log& log,
          telemetry::Metrics& metrics);
  // Closes everything. After Stop no accepted event depends on it.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Opens everything and serves; may be called once. If it fails, only the destructor may be called.
  // `storage_failed` is called from any thread, perhaps more than once, when the journal's storage has
  // failed: the service then accepts no events and must be stopped.
  base::Result<void> Start(std::function<void()> storage_failed);

  // Graceful stop. Reports not ready at once and serves on for shutdown.delay. Then accepts no connections,
  // answers the requests in progress, and drains the journal within shutdown.timeout. Events that were not
  // delivered in time stay in the write-ahead log. Returns how many accepted events are lost, because they
  // are not in a log. The admin port closes last, so that this count can be scraped.
  //
  // After the storage has failed it only answers the requests in progress.
  uint64_t Stop();

  // Events that are accepted from now on use this routing.
  void Reroute(const Routing& routing);

  bool StorageFailed() const { return journal_->Failed(); }

  // Accepted events that are lost if the process ends now. Any thread.
  uint64_t EventsAtRisk() const;

  // Accepted, undelivered events, on disk or not. Any thread.
  uint64_t EventsLeft() const { return journal_->Stats().events; }

 private:
  base::Result<void> OpenSink(size_t lanes);
  base::Result<void> OpenFileSink(size_t lanes);
  base::Result<void> OpenKafkaSink(size_t lanes);
  void OpenDeadLetterFile();
  base::Result<void> CheckForLeftoverLog();
  base::Result<void> OpenClients();
  base::Result<void> OpenTokens();
  std::unique_ptr<Authenticator> MakeAuthenticator();
  void OpenShares();
  base::Result<void> OpenJournal(size_t lanes, std::function<void()> storage_failed);
  base::Result<void> OpenWal(size_t lanes);
  void OpenWindow();
  void RestoreWindow();
  base::Result<void> Listen();
  void RegisterGauges();
  void RegisterBrokerMetrics();
  void RegisterWalMetrics();
  std::string UnreadyReason() const;
  uint64_t ReportUndelivered(uint64_t left);
  bool HasWal() const { return JournalIsWal(settings_) || log_is_leftover_; }

  const Settings settings_;
  const Routing routing_;  // as read at the start
  const Clock& clock_;
  Log& log_;
  telemetry::Metrics& metrics_;
  std::atomic<bool> stopping_{false};
  CurrentRoutes routes_;
  ClientAccounts accounts_;
  std::unique_ptr<KnownClients> clients_;          // null: there is no clients file
  std::unique_ptr<auth::JwksSource> issuer_keys_;  // null, as is tokens_: tokens are not accepted
  std::unique_ptr<auth::JwtVerifier> tokens_;
  std::unique_ptr<ClientShares> shares_;  // null: clients are not distinguished
  DrainRate drain_rate_;
  TopicLimits topic_limits_;
  TokenBucket bucket_;
  // The ack level needs no log, but the log holds events of a run that had another level. It is the journal
  // until they are delivered and the service is restarted.
  bool log_is_leftover_ = false;
  std::unique_ptr<IdempotencyWindow> window_;  // used by the journal; null: off
  std::unique_ptr<wal::PosixDirectory> wal_directory_;
  std::unique_ptr<Journal> journal_;
  wal::WalJournal* wal_ = nullptr;  // journal_ if that is the write-ahead log, else null
  std::unique_ptr<wal::WalThreads> wal_threads_;
  std::unique_ptr<file_sink::DeadLetterFile>
      dead_letter_file_;  // null: the sink has its own place for dead letters
  std::unique_ptr<EventSink> sink_;
  kafka::KafkaSink* kafka_ = nullptr;                        // sink_ if that is Kafka, else null
  std::unique_ptr<WorkerPool> workers_;                      // run the sink's lanes
  std::unique_ptr<kafka::CredentialRefresher> credentials_;  // null: the sink uses none
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace ei::service
