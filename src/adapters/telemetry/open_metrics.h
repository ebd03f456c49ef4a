#pragma once

#include <span>
#include <string>

#include <prometheus/metric_family.h>

namespace ei::telemetry {

// The OpenMetrics 1.0 text format, which prometheus-cpp does not write. Families are counters, gauges and
// histograms; a counter's name ends in _total. The unit is the one that the metric table gives, where the
// name ends in it, as the format demands.
std::string WriteOpenMetrics(std::span<const prometheus::MetricFamily> families);

}  // namespace ei::telemetry
