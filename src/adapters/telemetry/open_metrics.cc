#include "adapters/telemetry/open_metrics.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "adapters/telemetry/metric_table.h"

namespace ei::telemetry {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::string_view kTotal = "_total";

void AppendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '"': out += "\\\""; break;
      case '\n': out += "\\n"; break;
      default: out += c;
    }
  }
}

void AppendNumber(std::string& out, double number) {
  if (std::isnan(number)) {
    out += "NaN";
  } else if (std::isinf(number)) {
    out += number > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> text{};
    out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
  }
}

// In the form of the examples in the specification: 5e-05, 0.0025, 1.0.
std::string BoundText(double bound) {
  if (std::isinf(bound)) return "+Inf";
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), bound, std::chars_format::general).ptr;
  std::string written(text.data(), end);
  if (written.find_first_of(".e") == std::string::npos) written += ".0";
  return written;
}

// `bound` is the value of the label le; empty for a sample without it.
void AppendSample(std::string& out, std::string_view name, std::string_view suffix,
                  const ClientMetric& metric, std::string_view bound, double value) {
  out.append(name).append(suffix);
  char before = '{';
  const auto label = [&](std::string_view label_name, std::string_view label_value) {
    out += before;
    out.append(label_name).append("=\"");
    AppendEscaped(out, label_value);
    out += '"';
    before = ',';
  };
  for (const auto& pair : metric.label) label(pair.name, pair.value);
  if (!bound.empty()) label("le", bound);
  if (before == ',') out += '}';
  out += ' ';
  AppendNumber(out, value);
  out += '\n';
}

void AppendHistogram(std::string& out, std::string_view name, const ClientMetric& metric) {
  const auto& histogram = metric.histogram;
  for (const auto& bucket : histogram.bucket) {
    AppendSample(out, name, "_bucket", metric, BoundText(bucket.upper_bound),
                 static_cast<double>(bucket.cumulative_count));
  }
  const auto count = static_cast<double>(histogram.sample_count);
  AppendSample(out, name, "_bucket", metric, "+Inf", count);
  AppendSample(out, name, "_count", metric, {}, count);
  AppendSample(out, name, "_sum", metric, {}, histogram.sample_sum);
}

std::string_view UnitOf(std::string_view metric_name, std::string_view family_name) {
  for (const Metric& row : MetricTable()) {
    if (row.name != metric_name || row.unit.empty() || !family_name.ends_with(row.unit)) continue;
    const std::string_view stem = family_name.substr(0, family_name.size() - row.unit.size());
    if (stem.ends_with('_')) return row.unit;
  }
  return {};
}

}  // namespace

std::string WriteOpenMetrics(std::span<const MetricFamily> families) {
  std::string out;
  for (const MetricFamily& family : families) {
    std::string_view name = family.name;
    std::string_view type = "gauge";
    if (family.type == MetricType::Counter) {
      type = "counter";
      if (name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
    } else if (family.type == MetricType::Histogram) {
      type = "histogram";
    }
    out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
    if (const auto unit = UnitOf(family.name, name); !unit.empty()) {
      out.append("# UNIT ").append(name).append(" ").append(unit).append("\n");
    }
    out.append("# HELP ").append(name).append(" ");
    AppendEscaped(out, family.help);
    out += '\n';
    for (const ClientMetric& metric : family.metric) {
      switch (family.type) {
        case MetricType::Counter: AppendSample(out, name, kTotal, metric, {}, metric.counter.value); break;
        case MetricType::Histogram: AppendHistogram(out, name, metric); break;
        default: AppendSample(out, name, {}, metric, {}, metric.gauge.value); break;
      }
    }
  }
  out += "# EOF\n";
  return out;
}

}  // namespace ei::telemetry
