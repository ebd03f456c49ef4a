#include "adapters/telemetry/metrics.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "adapters/telemetry/process_stats.h"

namespace ei::telemetry {

namespace {

using Cells = ShardedCells<cells::kCount>;

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

HistogramValue ReadHistogram(const Cells& cells, MetricId id, size_t first, base::Duration tick) {
  const size_t bounds = Row(id).buckets.size();
  HistogramValue histogram;
  uint64_t count = 0;
  for (size_t i = 0; i <= bounds; ++i) {
    count += cells.Total(first + i);
    histogram.counts.push_back(count);
  }
  const auto ticks_per_second = static_cast<double>(std::chrono::seconds(1) / tick);
  histogram.sum = static_cast<double>(cells.Total(first + bounds + 1)) / ticks_per_second;
  return histogram;
}

void AddCount(ExpositionText& text, MetricId id, uint64_t count, ExpositionText::LabelValues labels = {}) {
  text.Add(id, static_cast<double>(count), labels);
}

void AddIfKnown(ExpositionText& text, MetricId id, std::optional<double> value) {
  if (value) text.Add(id, *value);
}

template <size_t kCapacity>
void AddCountsByLabel(ExpositionText& text, MetricId id, const LabelSet<kCapacity>& labels,
                      const Cells& cells, size_t first) {
  for (size_t i = 0; i < kCapacity && !labels.At(i).empty(); ++i) {
    AddCount(text, id, cells.Total(first + i), {labels.At(i)});
  }
  const uint64_t others = cells.Total(first + kCapacity);
  if (others > 0) AddCount(text, id, others, {kOtherLabel});
}

// Exports only the codes and places that have occurred: most dead letters are never stored in the file.
void AddDeadLetters(ExpositionText& text, const LabelSet<cells::kDeadLetterCodesMax>& codes,
                    const Cells& cells, size_t first, std::string_view place) {
  for (size_t i = 0; i <= cells::kDeadLetterCodesMax; ++i) {
    const uint64_t count = cells.Total(first + i);
    if (count == 0) continue;
    const std::string_view code = i == cells::kDeadLetterCodesMax ? kOtherLabel : codes.At(i);
    AddCount(text, MetricId::kEventsDeadLettered, count, {code, place});
  }
}

void CollectProcess(ExpositionText& text) {
  const ProcessStats stats = ReadProcessStats();
  AddIfKnown(text, MetricId::kProcessCpu, stats.cpu_seconds);
  AddIfKnown(text, MetricId::kProcessResidentMemory, stats.resident_bytes);
  AddIfKnown(text, MetricId::kProcessOpenFds, stats.open_fds);
  AddIfKnown(text, MetricId::kProcessMaxFds, stats.max_fds);
  AddIfKnown(text, MetricId::kProcessThreads, stats.threads);
  AddIfKnown(text, MetricId::kProcessStartTime, stats.start_time_seconds);
}

}  // namespace

Metrics::Metrics(const Clock& clock, const BuildInfo& build) : clock_(clock), build_(build) {
  for (const std::string_view code : kRejectionCodes) rejection_codes_.NumberOf(code);
  for (const std::string_view code : kRequestCodes) request_codes_.NumberOf(code);
  for (const std::string_view why : kDropReasons) drop_reasons_.NumberOf(why);
  for (const std::string_view reason : kHandshakeFaults) handshake_faults_.NumberOf(reason);
  for (const std::string_view code : kSinkFaults) sink_faults_.NumberOf(code);
  for (const std::string_view what : kSharedResources) shared_resources_.NumberOf(what);
  for (const std::string_view reason : kAuthenticationFaults) authentication_faults_.NumberOf(reason);
}

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

void Metrics::AuthenticationFailed(std::string_view reason) {
  cells_.Mine().Add(cells::kUnauthenticated + authentication_faults_.NumberOf(reason), 1);
}

void Metrics::ConnectionDropped(std::string_view why) {
  cells_.Mine().Add(cells::kDropped + drop_reasons_.NumberOf(why), 1);
}

void Metrics::TlsHandshake(bool resumed, base::Duration took) {
  auto& shard = cells_.Mine();
  shard.Add(cells::kHandshakes + (resumed ? 1 : 0), 1);
  Observe(shard, cells::kHandshakeTimes, kRequestBuckets, kRequestTick, took, 1);
}

void Metrics::TlsHandshakeFailed(std::string_view reason) {
  cells_.Mine().Add(cells::kFailedHandshakes + handshake_faults_.NumberOf(reason), 1);
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
  ExpositionText text(format);
  CollectRequests(text);
  CollectEvents(text);
  CollectTls(text);
  CollectJournal(text);
  for (size_t i = 0; i < sources_.size(); ++i) {
    const MetricId id = MetricTable()[i].id;
    if (sources_[i]) text.Add(id, sources_[i]());
    if (!series_[i]) continue;
    for (const Labelled& each : series_[i]()) text.Add(id, each.value, {each.label});
  }
  text.Add(MetricId::kBuildInfo, 1, {build_.version, build_.compiler, build_.json_scanner});
  CollectProcess(text);
  return text.Finish();
}

void Metrics::CollectEvents(ExpositionText& text) const {
  AddCount(text, MetricId::kEventsReceived, cells_.Total(cells::kReceived));
  AddCount(text, MetricId::kEventsAccepted, cells_.Total(cells::kAccepted));
  AddCount(text, MetricId::kEventsDeduplicated, cells_.Total(cells::kDeduplicated));
  AddCount(text, MetricId::kEventIdConflicts, cells_.Total(cells::kIdConflicts));
  AddCountsByLabel(text, MetricId::kEventsRejected, rejection_codes_, cells_, cells::kRejected);
  AddCount(text, MetricId::kEventsDelivered, cells_.Total(cells::kDelivered));
  AddDeadLetters(text, dead_letter_codes_, cells_, cells::kDeadLettered, kDeadLetterPlaces[0]);
  AddDeadLetters(text, dead_letter_codes_, cells_, cells::kFiled, kDeadLetterPlaces[1]);
  AddCount(text, MetricId::kEventsRetried, cells_.Total(cells::kRetried));
  AddCountsByLabel(text, MetricId::kClientOverShare, shared_resources_, cells_, cells::kOverShare);
  AddCountsByLabel(text, MetricId::kSinkFaults, sink_faults_, cells_, cells::kFaults);
  for (size_t i = 0; i < kRepeatKinds.size(); ++i) {
    AddCount(text, MetricId::kSinkRepeats, cells_.Total(cells::kRepeats + i), {kRepeatKinds[i]});
  }
  AddCount(text, MetricId::kEventsUndelivered, cells_.Total(cells::kUndelivered));
  text.AddHistogram(MetricId::kDeliveryDuration,
                    ReadHistogram(cells_, MetricId::kDeliveryDuration, cells::kDeliveryTimes, kDeliveryTick));
}

// Exports only the pairs of route and status that have occurred: most never do.
void Metrics::CollectRequests(ExpositionText& text) const {
  AddCount(text, MetricId::kAckTimeouts, cells_.Total(cells::kAckTimeouts));
  AddCountsByLabel(text, MetricId::kRequestsRejected, request_codes_, cells_, cells::kRejectedRequests);
  AddCountsByLabel(text, MetricId::kConnectionsDropped, drop_reasons_, cells_, cells::kDropped);
  AddCountsByLabel(text, MetricId::kAuthenticationFailures, authentication_faults_, cells_,
                   cells::kUnauthenticated);
  for (size_t route = 0; route < kRoutes.size(); ++route) {
    for (size_t status = 0; status <= cells::kStatusesMax; ++status) {
      const uint64_t count = cells_.Total(cells::kRequests + route * cells::kRequestsOfRoute + status);
      if (count == 0) continue;
      const std::string status_text =
          status == cells::kStatusesMax ? std::string(kOtherLabel) : std::to_string(statuses_.At(status));
      AddCount(text, MetricId::kHttpRequests, count, {kRoutes[route], status_text});
    }
    const auto histogram =
        ReadHistogram(cells_, MetricId::kHttpRequestDuration,
                      cells::kRequestTimes + route * cells::kRequestTimesOfRoute, kRequestTick);
    if (histogram.counts.back() == 0) continue;
    text.AddHistogram(MetricId::kHttpRequestDuration, histogram, {kRoutes[route]});
  }
}

// Only if a port uses TLS: then there is a source of the certificate's expiry.
void Metrics::CollectTls(ExpositionText& text) const {
  if (!sources_[static_cast<size_t>(MetricId::kTlsCertificateExpiry)]) return;
  for (size_t i = 0; i < kHandshakeKinds.size(); ++i) {
    AddCount(text, MetricId::kTlsHandshakes, cells_.Total(cells::kHandshakes + i), {kHandshakeKinds[i]});
  }
  AddCountsByLabel(text, MetricId::kTlsHandshakeFailures, handshake_faults_, cells_,
                   cells::kFailedHandshakes);
  text.AddHistogram(MetricId::kTlsHandshakeDuration, ReadHistogram(cells_, MetricId::kTlsHandshakeDuration,
                                                                   cells::kHandshakeTimes, kRequestTick));
}

void Metrics::CollectJournal(ExpositionText& text) const {
  if (!journal_) return;
  const ei::JournalStats stats = journal_();
  AddCount(text, MetricId::kJournalEvents, stats.events);
  AddCount(text, MetricId::kJournalBytes, stats.bytes);
  AddCount(text, MetricId::kJournalCapacityEvents, stats.events_max);
  AddCount(text, MetricId::kJournalCapacityBytes, stats.bytes_max);
  if (const auto commits =
          ReadHistogram(cells_, MetricId::kWalCommitDuration, cells::kCommitTimes, kRequestTick);
      commits.counts.back() > 0) {
    text.AddHistogram(MetricId::kWalCommitDuration, commits);
  }
  const base::Duration age = stats.oldest ? clock_.Now() - *stats.oldest : base::Duration(0);
  text.Add(MetricId::kJournalOldestAge, Seconds(std::max(age, base::Duration(0))));
}

}  // namespace ei::telemetry
