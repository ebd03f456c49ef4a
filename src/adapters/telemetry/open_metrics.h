#pragma once

#include <span>
#include <string>

#include <prometheus/metric_family.h>

namespace ei::telemetry {

// Writes the OpenMetrics 1.0 text format, which prometheus-cpp does not support. The families have to be
// counters, gauges or histograms; a counter's name ends in _total. A family gets the unit of the metric table
// only if its name ends in that unit, as the format requires.
std::string WriteOpenMetrics(std::span<const prometheus::MetricFamily> families);

}  // namespace ei::telemetry
