#pragma once

#include <string>

namespace ei::telemetry {

// The text of docs/METRICS.md, generated from the metric table.
std::string MetricsDocument();

}  // namespace ei::telemetry
