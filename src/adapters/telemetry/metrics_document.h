#pragma once

#include <string>

namespace ei::telemetry {

// docs/METRICS.md, made from the metric table.
std::string MetricsDocument();

}  // namespace ei::telemetry
