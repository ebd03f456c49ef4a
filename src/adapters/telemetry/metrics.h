#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/telemetry/label_set.h"
#include "adapters/telemetry/metric_cells.h"
#include "adapters/telemetry/metric_table.h"
#include "adapters/telemetry/sharded_cells.h"
#include "adapters/telemetry/status_set.h"
#include "base/clock.h"
#include "event/telemetry.h"
#include "journal/journal.h"

namespace prometheus {
struct MetricFamily;
}

namespace ei::telemetry {

struct BuildInfo {
  std::string version;
  std::string compiler;
  std::string json_scanner;
};

enum class Exposition : uint8_t {
  kText,         // Prometheus text format 0.0.4
  kOpenMetrics,  // OpenMetrics 1.0
};

// The metrics of metric_table.h: counts what the pipeline tells, asks the gauges when they are exposed.
//
// Thread-safe, but that the Add... functions belong to the wiring, before the first Expose. Telling costs a
// few relaxed atomic adds in cache lines of the calling thread; it takes no lock and allocates nothing, but
// once for each new value of a label. Label values are bounded (metric_cells.h); those beyond share the value
// "other".
class Metrics final : public Telemetry {
 public:
  // The clock outlives this.
  Metrics(const Clock& clock, const BuildInfo& build);
  ~Metrics() override;

  void HttpRequest(std::string_view route, uint16_t status, base::Duration took) override;
  void RequestRejected(std::string_view code) override;
  void ConnectionDropped(std::string_view why) override;
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

  // The write-ahead log wrote and synced something.
  void JournalCommitted(base::Duration took);

  // Sources of numbers that are kept elsewhere. Each is called by every Expose, from any thread, several at a
  // time, and must not throw. A metric whose source was never added has no value.
  void AddGauge(MetricId id, std::function<double()> value);
  void AddCounter(MetricId id, std::function<uint64_t()> value);
  // One sample for each value of the metric's only label, of which the source gives a bounded number.
  struct Labelled {
    std::string label;
    double value = 0;
  };
  void AddSeries(MetricId id, std::function<std::vector<Labelled>()> values);
  void AddJournal(std::function<ei::JournalStats()> stats);

  std::string Expose(Exposition format) const;

 private:
  std::vector<prometheus::MetricFamily> Collect() const;
  void CollectEvents(std::vector<prometheus::MetricFamily>& families) const;
  void CollectRequests(std::vector<prometheus::MetricFamily>& families) const;
  void CollectJournal(std::vector<prometheus::MetricFamily>& families) const;

  const Clock& clock_;
  const BuildInfo build_;
  std::array<std::function<double()>, kMetricCount> sources_;
  std::array<std::function<std::vector<Labelled>()>, kMetricCount> series_;
  std::function<ei::JournalStats()> journal_;

  LabelSet<cells::kRejectionCodesMax> rejection_codes_;
  LabelSet<cells::kRequestCodesMax> request_codes_;
  LabelSet<cells::kDropReasonsMax> drop_reasons_;
  LabelSet<cells::kDeadLetterCodesMax> dead_letter_codes_;
  LabelSet<cells::kSinkFaultsMax> sink_faults_;
  LabelSet<cells::kSharedResourcesMax> shared_resources_;
  StatusSet<cells::kStatusesMax> statuses_;
  ShardedCells<cells::kCount> cells_;
};

}  // namespace ei::telemetry
