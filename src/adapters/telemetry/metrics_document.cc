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
them as rates. A gauge is the current value. A histogram has `_bucket`, `_sum` and `_count`; each bucket counts the
observations of at most as many seconds as its label `le` says.

## How the counters add up

When the service is idle (nothing is being received or sent to the sink):

    recovered + accepted = delivered + dead_lettered + in journal + lost

    event_ingestor_journal_recovered_events_total
      + event_ingestor_events_accepted_total
      = event_ingestor_events_delivered_total
      + sum(event_ingestor_events_dead_lettered_total)
      + event_ingestor_journal_events
      + event_ingestor_journal_lost_events_total

The first and the last exist with a write-ahead log only. Events that a process delivered within the last 100 ms before
a crash may be recovered by the next process, and are then counted again.

Each received event is counted in exactly one of three counters:

    event_ingestor_events_received_total
      = event_ingestor_events_accepted_total
      + event_ingestor_events_deduplicated_total
      + sum(event_ingestor_events_rejected_total)

The events of a request that is rejected before its body is read are not counted, because their number is unknown.
`event_ingestor_requests_rejected_total` counts every rejected request, whether its body was read or not.

A scrape reads these numbers one after the other. While events flow, the sums may therefore differ by the events that
passed in between. An event that is left when the process has to stop counts in
`event_ingestor_events_undelivered_total` and stays in the number of events in the journal.

## Table

| metric | kind | unit | labels | meaning |
|---|---|---|---|---|
)";

constexpr std::string_view kBucketsHead = R"(
## Buckets

| histogram | upper bounds in seconds |
|---|---|
)";

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
      .append(" codes of rejected events, ")
      .append(std::to_string(cells::kRequestCodesMax))
      .append(" of rejected requests and ")
      .append(std::to_string(cells::kDeadLetterCodesMax))
      .append(" of dead letters.\nFurther values count as `other`.\n");
  document += kBucketsHead;
  for (const Metric& row : MetricTable()) {
    if (row.kind != MetricKind::kHistogram) continue;
    document.append("| `").append(row.name).append("` | ").append(BucketsCell(row)).append(" |\n");
  }
  return document;
}

}  // namespace ei::telemetry
