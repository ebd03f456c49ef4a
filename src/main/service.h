#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "adapters/http/server.h"
#include "adapters/telemetry/metrics.h"
#include "app/drain_rate.h"
#include "app/ingest.h"
#include "app/ports/clock.h"
#include "app/ports/event_sink.h"
#include "app/ports/journal.h"
#include "app/ports/log.h"
#include "app/receipts.h"
#include "app/wake_list.h"
#include "app/worker_pool.h"
#include "base/result.h"
#include "domain/token_bucket.h"
#include "main/settings.h"

namespace ei::service {

// The whole pipeline, put together from the settings: the one place that names the concrete adapters.
//
// Start and Stop belong to one owner thread; Undelivered may be called from any.
class Service {
 public:
  // The references outlive the service.
  static base::Result<std::unique_ptr<Service>> Start(const Settings& settings, const app::Clock& clock,
                                                      app::Log& log, telemetry::Metrics& metrics);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // The graceful stop: not ready at once; serving on for shutdown.delay; then no new connections, requests in
  // progress answered, the journal drained within shutdown.timeout. Returns how many accepted events could
  // not be delivered in time; they are lost.
  uint64_t Stop();

  uint64_t Undelivered() const { return journal_->Stats().events; }

 private:
  Service(const Settings& settings, const app::Clock& clock, app::Log& log, telemetry::Metrics& metrics);
  base::Result<void> OpenSink(size_t lanes);
  base::Result<void> Listen();
  void RegisterGauges();
  std::string UnreadyReason() const;

  const Settings settings_;
  const app::Clock& clock_;
  app::Log& log_;
  telemetry::Metrics& metrics_;
  std::atomic<bool> stopping_{false};
  app::DrainRate drain_rate_;
  app::WakeList durable_wakes_;
  app::Receipts receipts_;
  domain::TokenBucket bucket_;
  std::unique_ptr<app::Journal> journal_;
  std::unique_ptr<app::WorkerPool> workers_;  // outlives the sink, which reports to it
  std::unique_ptr<app::EventSink> sink_;
  std::unique_ptr<app::Ingest> ingest_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace ei::service
