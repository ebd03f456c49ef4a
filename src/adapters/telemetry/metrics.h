#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/telemetry/exposition.h"
#include "adapters/telemetry/label_set.h"
#include "adapters/telemetry/metric_cells.h"
#include "adapters/telemetry/metric_table.h"
#include "adapters/telemetry/sharded_cells.h"
#include "adapters/telemetry/status_set.h"
#include "base/clock.h"
#include "event/telemetry.h"
#include "journal/journal.h"

namespace ei::telemetry {

struct BuildInfo {
  std::string version;
  std::string compiler;
  std::string json_scanner;
};

// The metrics of metric_table.h. Counts what the pipeline reports, and reads the gauges when they are
// exposed.
//
// Thread-safe, except that the Add... functions are called during start-up only, before the first Expose. A
// report costs a few relaxed atomic adds in cache lines of the calling thread. It takes no lock, and
// allocates only when a label value is new. The number of label values is bounded (metric_cells.h); further
// values count as "other".
class Metrics final : public Telemetry {
 public:
  // The clock outlives this.
  Metrics(const Clock& clock, const BuildInfo& build);

  void HttpRequest(std::string_view route, uint16_t status, base::Duration took) override;
  void RequestRejected(std::string_view code) override;
  void AuthenticationFailed(std::string_view reason) override;
  void ConnectionDropped(std::string_view why) override;
  void TlsHandshake(bool resumed, base::Duration took) override;
  void TlsHandshakeFailed(std::string_view reason) override;
  void AckTimedOut() override;
  void EventsReceived(uint64_t count) override;
  void EventsAccepted(uint64_t count) override;
  void EventsDeduplicated(uint64_t count) override;
  void EventIdConflicts(uint64_t count) override;
  void EventsRejected(std::string_view code, uint64_t count) override;
  void EventsDelivered(uint64_t count, base::Duration waited) override;
  void EventsDeadLettered(std::string_view code, DeadLetterPlace place, uint64_t count) override;
  void EventsRetried(uint64_t count) override;
  void ClientOverShare(std::string_view what) override;
  void SinkFault(std::string_view code) override;
  void SinkRepeats(bool recognized, uint64_t count) override;
  void EventsUndelivered(uint64_t count) override;

  // Reports one write and sync of the write-ahead log.
  void JournalCommitted(base::Duration took);

  // Registers functions that read numbers kept elsewhere. Every Expose calls each function, from any thread
  // and possibly concurrently; it must not throw. A metric without a registered source has no samples.
  void AddGauge(MetricId id, std::function<double()> value);
  void AddCounter(MetricId id, std::function<uint64_t()> value);
  // One sample for each value of the metric's only label. The source has to return a bounded number of
  // values.
  struct Labelled {
    std::string label;
    double value = 0;
  };
  void AddSeries(MetricId id, std::function<std::vector<Labelled>()> values);
  void AddJournal(std::function<ei::JournalStats()> stats);

  std::string Expose(Exposition format) const;

 private:
  void CollectEvents(ExpositionText& text) const;
  void CollectRequests(ExpositionText& text) const;
  void CollectTls(ExpositionText& text) const;
  void CollectJournal(ExpositionText& text) const;

  const Clock& clock_;
  const BuildInfo build_;
  std::array<std::function<double()>, kMetricCount> sources_;
  std::array<std::function<std::vector<Labelled>()>, kMetricCount> series_;
  std::function<ei::JournalStats()> journal_;

  LabelSet<cells::kRejectionCodesMax> rejection_codes_;
  LabelSet<cells::kRequestCodesMax> request_codes_;
  LabelSet<cells::kDropReasonsMax> drop_reasons_;
  LabelSet<cells::kHandshakeFaultsMax> handshake_faults_;
  LabelSet<cells::kDeadLetterCodesMax> dead_letter_codes_;
  LabelSet<cells::kSinkFaultsMax> sink_faults_;
  LabelSet<cells::kSharedResourcesMax> shared_resources_;
  LabelSet<cells::kAuthenticationFaultsMax> authentication_faults_;
  StatusSet<cells::kStatusesMax> statuses_;
  ShardedCells<cells::kCount> cells_;
};

}  // namespace ei::telemetry
