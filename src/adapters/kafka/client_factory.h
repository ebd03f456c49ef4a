#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/connection_properties.h"
#include "adapters/kafka/credential_refresher.h"
#include "adapters/kafka/kafka_options.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"

namespace ei::kafka {

using RdKafkaHandle = std::shared_ptr<rd_kafka_t>;

// Makes short-lived librdkafka clients for a command. All use the same brokers and the credentials that a
// CredentialRefresher keeps current; a running client keeps the certificates that it started with.
// Thread-safe.
class ClientFactory final : public CredentialUser {
 public:
  // `log` must outlive the factory.
  ClientFactory(KafkaOptions options, Log& log) : options_(std::move(options)), log_(log) {}

  const KafkaOptions& Options() const { return options_; }
  Log& FaultLog() const { return log_; }

  // The client reports its errors and librdkafka's log as events. The caller polls them and passes them to
  // HandleEvent.
  base::Result<RdKafkaHandle> Make(rd_kafka_type_t type, const Properties& properties) EXCLUDES(mutex_);

  // Logs an event that is neither a record nor a delivery report.
  void HandleEvent(rd_kafka_event_t* event);

  void OnPassword(const std::string& password) override EXCLUDES(mutex_);
  base::Result<void> OnToken(const AccessToken& token) override EXCLUDES(mutex_);
  void OnNoToken(const base::Error&) override {}
  base::Result<void> OnCertificates() override { return {}; }

 private:
  std::vector<RdKafkaHandle> LiveClients() REQUIRES(mutex_);

  const KafkaOptions options_;
  Log& log_;
  base::Mutex mutex_;
  std::vector<std::weak_ptr<rd_kafka_t>> clients_ GUARDED_BY(mutex_);
  std::optional<AccessToken> token_ GUARDED_BY(mutex_);
};

}  // namespace ei::kafka
