#include "adapters/telemetry/metrics.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <span>
#include <utility>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "adapters/telemetry/open_metrics.h"
#include "adapters/telemetry/process_stats.h"

namespace ei::telemetry {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using Families = std::vector<MetricFamily>;
using Cells = ShardedCells<cells::kCount>;
using Labels = std::vector<ClientMetric::Label>;

// The sum of a histogram is kept in whole ticks. A delivery may have waited for hours and is reported for
// many events at once: with nanoseconds the sum would overflow within a minute of catching up after an
// outage, with microseconds it lasts for years.
constexpr base::Duration kRequestTick = std::chrono::nanoseconds(1);
constexpr base::Duration kDeliveryTick = std::chrono::microseconds(1);

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

size_t RouteNumber(std::string_view route) {
  constexpr size_t kOther = kRoutes.size() - 1;
  for (size_t i = 0; i < kOther; ++i) {
    if (route == kRoutes[i]) return i;
  }
  return kOther;
}

// `first` is the histogram's first cell.
template <size_t kBuckets>
void Observe(Cells::Shard& shard, size_t first, const std::array<base::Duration, kBuckets>& bounds,
             base::Duration tick, base::Duration value, uint64_t count) {
  value = std::max(value, base::Duration(0));
  size_t bucket = 0;
  while (bucket < kBuckets && value > bounds[bucket]) ++bucket;
  shard.Add(first + bucket, count);
  shard.Add(first + kBuckets + 1, count * static_cast<uint64_t>(value / tick));
}

ClientMetric::Histogram ReadHistogram(const Cells& cells, size_t first,
                                      std::span<const base::Duration> bounds, base::Duration tick) {
  ClientMetric::Histogram histogram;
  uint64_t count = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    count += cells.Total(first + i);
    ClientMetric::Bucket bucket;
    bucket.cumulative_count = count;
    bucket.upper_bound = Seconds(bounds[i]);
    histogram.bucket.push_back(bucket);
  }
  histogram.sample_count = count + cells.Total(first + bounds.size());
  const auto ticks_per_second = static_cast<double>(std::chrono::seconds(1) / tick);
  histogram.sample_sum = static_cast<double>(cells.Total(first + bounds.size() + 1)) / ticks_per_second;
  return histogram;
}

prometheus::MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return prometheus::MetricType::Counter;
    case MetricKind::kGauge: return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram: return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

Families EmptyFamilies() {
  Families families;
  families.reserve(kMetricCount);
  for (const Metric& row : MetricTable()) {
    families.push_back({std::string(row.name), std::string(row.help), TypeOf(row.kind), {}});
  }
  return families;
}

// `values` are the label values in the order of the table's labels.
Labels LabelsOf(MetricId id, std::initializer_list<std::string_view> values) {
  Labels labels;
  size_t i = 0;
  for (const std::string_view value : values) {
    labels.push_back({std::string(Row(id).labels[i].name), std::string(value)});
    ++i;
  }
  return labels;
}

ClientMetric& AddSample(Families& families, MetricId id,
                        std::initializer_list<std::string_view> label_values) {
  ClientMetric& metric = families[static_cast<size_t>(id)].metric.emplace_back();
  metric.label = LabelsOf(id, label_values);
  return metric;
}

void AddValue(Families& families, MetricId id, double value,
              std::initializer_list<std::string_view> label_values = {}) {
  ClientMetric& metric = AddSample(families, id, label_values);
  (Row(id).kind == MetricKind::kCounter ? metric.counter.value : metric.gauge.value) = value;
}

void AddCount(Families& families, MetricId id, uint64_t count,
              std::initializer_list<std::string_view> label_values = {}) {
  AddValue(families, id, static_cast<double>(count), label_values);
}

void AddIfKnown(Families& families, MetricId id, std::optional<double> value) {
  if (value) AddValue(families, id, *value);
}

template <size_t kCapacity>
void AddCountsByLabel(Families& families, MetricId id, const LabelSet<kCapacity>& labels, const Cells& cells,
                      size_t first) {
  for (size_t i = 0; i < kCapacity && !labels.At(i).empty(); ++i) {
    AddCount(families, id, cells.Total(first + i), {labels.At(i)});
  }
  const uint64_t others = cells.Total(first + kCapacity);
  if (others > 0) AddCount(families, id, others, {kOtherLabel});
}

// Exports only the codes and places that have occurred: most dead letters are never stored in the file.
void AddDeadLetters(Families& families, const LabelSet<cells::kDeadLetterCodesMax>& codes, const Cells& cells,
                    size_t first, std::string_view place) {
  for (size_t i = 0; i <= cells::kDeadLetterCodesMax; ++i) {
    const uint64_t count = cells.Total(first + i);
    if (count == 0) continue;
    const std::string_view code = i == cells::kDeadLetterCodesMax ? kOtherLabel : codes.At(i);
    AddCount(families, MetricId::kEventsDeadLettered, count, {code, place});
  }
}

void CollectProcess(Families& families) {
  const ProcessStats stats = ReadProcessStats();
  AddIfKnown(families, MetricId::kProcessCpu, stats.cpu_seconds);
  AddIfKnown(families, MetricId::kProcessResidentMemory, stats.resident_bytes);
  AddIfKnown(families, MetricId::kProcessOpenFds, stats.open_fds);
  AddIfKnown(families, MetricId::kProcessMaxFds, stats.max_fds);
  AddIfKnown(families, MetricId::kProcessThreads, stats.threads);
  AddIfKnown(families, MetricId::kProcessStartTime, stats.start_time_seconds);
}

}  // namespace

Metrics::Metrics(const Clock& clock, const BuildInfo& build) : clock_(clock), build_(build) {
  for (const std::string_view code : kRejectionCodes) rejection_codes_.NumberOf(code);
  for (const std::string_view code : kRequestCodes) request_codes_.NumberOf(code);
  for (const std::string_view why : kDropReasons) drop_reasons_.NumberOf(why);
  for (const std::string_view code : kSinkFaults) sink_faults_.NumberOf(code);
  for (const std::string_view what : kSharedResources) shared_resources_.NumberOf(what);
}

Metrics::~Metrics() = default;

void Metrics::HttpRequest(std::string_view route, uint16_t status, base::Duration took) {
  const size_t route_number = RouteNumber(route);
  auto& shard = cells_.Mine();
  shard.Add(cells::kRequests + route_number * cells::kRequestsOfRoute + statuses_.NumberOf(status), 1);
  Observe(shard, cells::kRequestTimes + route_number * cells::kRequestTimesOfRoute, kRequestBuckets,
          kRequestTick, took, 1);
}

void Metrics::RequestRejected(std::string_view code) {
  cells_.Mine().Add(cells::kRejectedRequests + request_codes_.NumberOf(code), 1);
}

void Metrics::ConnectionDropped(std::string_view why) {
  cells_.Mine().Add(cells::kDropped + drop_reasons_.NumberOf(why), 1);
}

void Metrics::AckTimedOut() { cells_.Mine().Add(cells::kAckTimeouts, 1); }

void Metrics::EventsReceived(uint64_t count) { cells_.Mine().Add(cells::kReceived, count); }

void Metrics::EventsAccepted(uint64_t count) { cells_.Mine().Add(cells::kAccepted, count); }

void Metrics::EventsDeduplicated(uint64_t count) { cells_.Mine().Add(cells::kDeduplicated, count); }
void Metrics::EventIdConflicts(uint64_t count) { cells_.Mine().Add(cells::kIdConflicts, count); }

void Metrics::EventsRejected(std::string_view code, uint64_t count) {
  cells_.Mine().Add(cells::kRejected + rejection_codes_.NumberOf(code), count);
}

void Metrics::EventsDelivered(uint64_t count, base::Duration waited) {
  auto& shard = cells_.Mine();
  shard.Add(cells::kDelivered, count);
  Observe(shard, cells::kDeliveryTimes, kDeliveryBuckets, kDeliveryTick, waited, count);
}

void Metrics::EventsDeadLettered(std::string_view code, DeadLetterPlace place, uint64_t count) {
  const size_t first = place == DeadLetterPlace::kTopic ? cells::kDeadLettered : cells::kFiled;
  cells_.Mine().Add(first + dead_letter_codes_.NumberOf(code), count);
}

void Metrics::EventsRetried(uint64_t count) { cells_.Mine().Add(cells::kRetried, count); }

void Metrics::ClientOverShare(std::string_view what) {
  cells_.Mine().Add(cells::kOverShare + shared_resources_.NumberOf(what), 1);
}

void Metrics::SinkFault(std::string_view code) {
  cells_.Mine().Add(cells::kFaults + sink_faults_.NumberOf(code), 1);
}

void Metrics::SinkRepeats(bool recognized, uint64_t count) {
  cells_.Mine().Add(cells::kRepeats + (recognized ? 0 : 1), count);
}

void Metrics::EventsUndelivered(uint64_t count) { cells_.Mine().Add(cells::kUndelivered, count); }

void Metrics::JournalCommitted(base::Duration took) {
  Observe(cells_.Mine(), cells::kCommitTimes, kRequestBuckets, kRequestTick, took, 1);
}

void Metrics::AddGauge(MetricId id, std::function<double()> value) {
  assert(Row(id).kind == MetricKind::kGauge);
  sources_[static_cast<size_t>(id)] = std::move(value);
}

void Metrics::AddCounter(MetricId id, std::function<uint64_t()> value) {
  assert(Row(id).kind == MetricKind::kCounter);
  sources_[static_cast<size_t>(id)] = [value = std::move(value)] { return static_cast<double>(value()); };
}

void Metrics::AddSeries(MetricId id, std::function<std::vector<Labelled>()> values) {
  series_[static_cast<size_t>(id)] = std::move(values);
}

void Metrics::AddJournal(std::function<ei::JournalStats()> stats) { journal_ = std::move(stats); }

std::string Metrics::Expose(Exposition format) const {
  const Families families = Collect();
  return format == Exposition::kOpenMetrics ? WriteOpenMetrics(families)
                                            : prometheus::TextSerializer().Serialize(families);
}

Families Metrics::Collect() const {
  Families families = EmptyFamilies();
  CollectRequests(families);
  CollectEvents(families);
  CollectJournal(families);
  for (size_t i = 0; i < sources_.size(); ++i) {
    const MetricId id = MetricTable()[i].id;
    if (sources_[i]) AddValue(families, id, sources_[i]());
    if (!series_[i]) continue;
    for (const Labelled& each : series_[i]()) AddValue(families, id, each.value, {each.label});
  }
  AddValue(families, MetricId::kBuildInfo, 1, {build_.version, build_.compiler, build_.json_scanner});
  CollectProcess(families);
  return families;
}

void Metrics::CollectEvents(Families& families) const {
  AddCount(families, MetricId::kEventsReceived, cells_.Total(cells::kReceived));
  AddCount(families, MetricId::kEventsAccepted, cells_.Total(cells::kAccepted));
  AddCount(families, MetricId::kEventsDeduplicated, cells_.Total(cells::kDeduplicated));
  AddCount(families, MetricId::kEventIdConflicts, cells_.Total(cells::kIdConflicts));
  AddCountsByLabel(families, MetricId::kEventsRejected, rejection_codes_, cells_, cells::kRejected);
  AddCount(families, MetricId::kEventsDelivered, cells_.Total(cells::kDelivered));
  AddDeadLetters(families, dead_letter_codes_, cells_, cells::kDeadLettered, kDeadLetterPlaces[0]);
  AddDeadLetters(families, dead_letter_codes_, cells_, cells::kFiled, kDeadLetterPlaces[1]);
  AddCount(families, MetricId::kEventsRetried, cells_.Total(cells::kRetried));
  AddCountsByLabel(families, MetricId::kClientOverShare, shared_resources_, cells_, cells::kOverShare);
  AddCountsByLabel(families, MetricId::kSinkFaults, sink_faults_, cells_, cells::kFaults);
  for (size_t i = 0; i < kRepeatKinds.size(); ++i) {
    AddCount(families, MetricId::kSinkRepeats, cells_.Total(cells::kRepeats + i), {kRepeatKinds[i]});
  }
  AddCount(families, MetricId::kEventsUndelivered, cells_.Total(cells::kUndelivered));
  AddSample(families, MetricId::kDeliveryDuration, {}).histogram =
      ReadHistogram(cells_, cells::kDeliveryTimes, kDeliveryBuckets, kDeliveryTick);
}

// Exports only the pairs of route and status that have occurred: most never do.
void Metrics::CollectRequests(Families& families) const {
  AddCount(families, MetricId::kAckTimeouts, cells_.Total(cells::kAckTimeouts));
  AddCountsByLabel(families, MetricId::kRequestsRejected, request_codes_, cells_, cells::kRejectedRequests);
  AddCountsByLabel(families, MetricId::kConnectionsDropped, drop_reasons_, cells_, cells::kDropped);
  for (size_t route = 0; route < kRoutes.size(); ++route) {
    for (size_t status = 0; status <= cells::kStatusesMax; ++status) {
      const uint64_t count = cells_.Total(cells::kRequests + route * cells::kRequestsOfRoute + status);
      if (count == 0) continue;
      const std::string text =
          status == cells::kStatusesMax ? std::string(kOtherLabel) : std::to_string(statuses_.At(status));
      AddCount(families, MetricId::kHttpRequests, count, {kRoutes[route], text});
    }
    auto histogram = ReadHistogram(cells_, cells::kRequestTimes + route * cells::kRequestTimesOfRoute,
                                   kRequestBuckets, kRequestTick);
    if (histogram.sample_count == 0) continue;
    AddSample(families, MetricId::kHttpRequestDuration, {kRoutes[route]}).histogram = std::move(histogram);
  }
}

void Metrics::CollectJournal(Families& families) const {
  if (!journal_) return;
  const ei::JournalStats stats = journal_();
  AddCount(families, MetricId::kJournalEvents, stats.events);
  AddCount(families, MetricId::kJournalBytes, stats.bytes);
  AddCount(families, MetricId::kJournalCapacityEvents, stats.events_max);
  AddCount(families, MetricId::kJournalCapacityBytes, stats.bytes_max);
  if (auto commits = ReadHistogram(cells_, cells::kCommitTimes, kRequestBuckets, kRequestTick);
      commits.sample_count > 0) {
    AddSample(families, MetricId::kWalCommitDuration, {}).histogram = std::move(commits);
  }
  const base::Duration age = stats.oldest ? clock_.Now() - *stats.oldest : base::Duration(0);
  AddValue(families, MetricId::kJournalOldestAge, Seconds(std::max(age, base::Duration(0))));
}

}  // namespace ei::telemetry
