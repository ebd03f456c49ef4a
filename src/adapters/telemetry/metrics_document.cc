#include "adapters/telemetry/metrics_document.h"

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>

#include "adapters/telemetry/metric_cells.h"
#include "adapters/telemetry/metric_table.h"

namespace ei::telemetry {

namespace {

constexpr std::string_view kHead =
    R"(<!-- Made by `event-ingestor metrics docs` from the metric table; do not edit. -->
# Metrics

`GET /metrics` answers with all metrics of this page, in the Prometheus text format or, when the request's `Accept`
names `application/openmetrics-text`, in OpenMetrics 1.0. Counters start at 0 with the process and only grow: read
them as rates. A gauge is the value at this moment. A histogram has `_bucket`, `_sum` and `_count`; with a label `le`,
each bucket counts all that lasted at most so many seconds.

## The books

At every quiet moment (nothing being received, nothing on its way to the sink):

    recovered + accepted = delivered + dead_lettered + in journal + lost

    event_ingestor_journal_recovered_events_total
      + event_ingestor_events_accepted_total
      = event_ingestor_events_delivered_total
      + sum(event_ingestor_events_dead_lettered_total)
      + event_ingestor_journal_events
      + event_ingestor_journal_lost_events_total

The first and the last are there with a write-ahead log only. What a process had delivered in its last moment before a
crash (up to 100 ms) may be recovered, and so counted, by the next one too.

Each event that a request brought is in one of three:

    event_ingestor_events_received_total
      = event_ingestor_events_accepted_total
      + event_ingestor_events_deduplicated_total
      + sum(event_ingestor_events_rejected_total)

A request that is refused before its body is read brings no event into these books, as nobody knows how many it has:
`event_ingestor_requests_rejected_total` counts every refused request, whatever was read of it.

While events flow, a scrape reads these numbers one after the other, so they may be apart by what passed in between.
An event left over when the process had to stop counts in `event_ingestor_events_undelivered_total` and stays in the
journal's number.

## Table

| metric | kind | unit | labels | what it tells |
|---|---|---|---|---|
)";

constexpr std::string_view kBucketsHead = R"(
## Buckets

| histogram | upper bounds in seconds |
|---|---|
)";

std::string_view KindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return "counter";
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kHistogram: return "histogram";
  }
  return {};
}

std::string LabelsCell(const Metric& row) {
  std::string cell;
  for (const MetricLabel& label : row.labels) {
    if (label.name.empty()) continue;
    if (!cell.empty()) cell += "; ";
    cell.append("`").append(label.name).append("`: ").append(label.meaning);
    for (size_t i = 0; i < label.known.size(); ++i) {
      cell.append(i == 0 ? " (`" : ", `").append(label.known[i]).append("`");
    }
    if (!label.known.empty()) cell += ')';
  }
  return cell;
}

std::string BucketsCell(const Metric& row) {
  std::string cell;
  for (const base::Duration bound : row.buckets) {
    std::array<char, 32> text{};
    const double seconds = std::chrono::duration<double>(bound).count();
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed).ptr;
    if (!cell.empty()) cell += ", ";
    cell.append(text.data(), end);
  }
  return cell;
}

}  // namespace

std::string MetricsDocument() {
  std::string document(kHead);
  for (const Metric& row : MetricTable()) {
    document.append("| `").append(row.name).append("` | ").append(KindName(row.kind)).append(" | ");
    document.append(row.unit)
        .append(" | ")
        .append(LabelsCell(row))
        .append(" | ")
        .append(row.help)
        .append(" |\n");
  }
  document.append("\nThe number of label values is bounded: ")
      .append(std::to_string(cells::kStatusesMax))
      .append(" statuses, ")
      .append(std::to_string(cells::kRejectionCodesMax))
      .append(" codes of refused events, ")
      .append(std::to_string(cells::kRequestCodesMax))
      .append(" of refused requests and ")
      .append(std::to_string(cells::kDeadLetterCodesMax))
      .append(" of dead letters.\nWhatever comes beyond counts as `other`.\n");
  document += kBucketsHead;
  for (const Metric& row : MetricTable()) {
    if (row.kind != MetricKind::kHistogram) continue;
    document.append("| `").append(row.name).append("` | ").append(BucketsCell(row)).append(" |\n");
  }
  return document;
}

}  // namespace ei::telemetry
