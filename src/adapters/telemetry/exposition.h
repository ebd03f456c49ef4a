#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/telemetry/metric_table.h"

namespace ei::telemetry {

enum class Exposition : uint8_t {
  kText,         // Prometheus text format 0.0.4
  kOpenMetrics,  // OpenMetrics 1.0
};

struct HistogramValue {
  // Cumulative: one for each bound of the metric's row, then one for all observations.
  std::vector<uint64_t> counts;
  double sum = 0;
};

// Writes the metrics of the table, in its order, as the text of one exposition. The samples of a metric have
// the order in which they are added.
class ExpositionText {
 public:
  // In the order of the labels of the metric's row.
  using LabelValues = std::initializer_list<std::string_view>;

  explicit ExpositionText(Exposition format) : format_(format) {}

  // A counter or a gauge.
  void Add(MetricId id, double value, LabelValues labels = {});
  void AddHistogram(MetricId id, const HistogramValue& value, LabelValues labels = {});

  // The headings of all metrics, each followed by its samples.
  std::string Finish() const;

 private:
  // `bound` is the value of the label le; empty: a sample without it.
  void AddSample(MetricId id, std::string_view suffix, LabelValues labels, std::string_view bound,
                 double value);
  void AppendHeadings(std::string& out, const Metric& row) const;

  const Exposition format_;
  std::array<std::string, kMetricCount> samples_;
};

}  // namespace ei::telemetry
