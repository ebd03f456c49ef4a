#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

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
#include "settings/routing_file.h"
#include "settings/settings.h"

namespace ei::service {

// The whole pipeline, put together from the settings: the one place that names the concrete adapters.
//
// Start, Reroute, Stop and the destructor belong to one owner thread; EventsAtRisk may be called from any.
class Service {
 public:
  // Nothing happens until Start. The references outlive the service.
  Service(const Settings& settings, const Routing& routing, const Clock& clock, Log& log,
          telemetry::Metrics& metrics);
  // Nothing that was accepted depends on it any more after Stop.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Opens everything and serves, once. `storage_failed` is called, from any thread and perhaps again, when
  // the journal's storage has failed: the service takes nothing more and has to be stopped. After a failure
  // there is only the destructor left.
  base::Result<void> Start(std::function<void()> storage_failed);

  // The graceful stop: not ready at once; serving on for shutdown.delay; then no new connections, requests in
  // progress answered, the journal drained within shutdown.timeout. What could not be delivered in time stays
  // in the write-ahead log, if there is one; returns how many accepted events are lost because there is none.
  // The admin port closes last, when these are counted.
  //
  // After the storage has failed it only answers and ends.
  uint64_t Stop();

  // What is accepted from now on goes by this one.
  void Reroute(const Routing& routing);

  bool StorageFailed() const { return journal_->Failed(); }

  // Accepted events that are lost if the process ends now. Any thread.
  uint64_t EventsAtRisk() const;

  // Accepted events that are not delivered, on disk or not. Any thread.
  uint64_t EventsLeft() const { return journal_->Stats().events; }

 private:
  base::Result<void> OpenSink(size_t lanes);
  base::Result<void> OpenKafkaSink(size_t lanes);
  void OpenDeadLetterFile();
  base::Result<void> LookForLeftoverLog();
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
  uint64_t TellWhatIsLeft(uint64_t left);
  bool HasWal() const { return JournalIsWal(settings_) || log_is_leftover_; }

  const Settings settings_;
  const Routing routing_;  // at the start
  const Clock& clock_;
  Log& log_;
  telemetry::Metrics& metrics_;
  std::atomic<bool> stopping_{false};
  CurrentRoutes routes_;
  std::unique_ptr<ClientShares> shares_;  // null: clients are not told apart
  DrainRate drain_rate_;
  TopicLimits topic_limits_;
  TokenBucket bucket_;
  // The ack level has no use for the log, which holds events of a life that had another one: it is the
  // journal until they are delivered and the service is started again.
  bool log_is_leftover_ = false;
  std::unique_ptr<IdempotencyWindow> window_;  // the journal's; null: off
  std::unique_ptr<wal::PosixDirectory> wal_directory_;
  std::unique_ptr<Journal> journal_;
  wal::WalJournal* wal_ = nullptr;  // journal_, when that is the write-ahead log
  std::unique_ptr<wal::WalThreads> wal_threads_;
  std::unique_ptr<file_sink::DeadLetterFile>
      dead_letter_file_;  // null: the sink has a place of its own for them
  std::unique_ptr<EventSink> sink_;
  kafka::KafkaSink* kafka_ = nullptr;                        // sink_, when that is Kafka
  std::unique_ptr<WorkerPool> workers_;                      // which run the sink's lanes
  std::unique_ptr<kafka::CredentialRefresher> credentials_;  // of the sink; null: it has none
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace ei::service
