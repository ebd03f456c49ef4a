#include "adapters/telemetry/exposition.h"

#include <charconv>
#include <chrono>
#include <cmath>

namespace ei::telemetry {

namespace {

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

std::string With16Digits(double number) {
  std::array<char, 32> text{};
  return {text.data(),
          std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general, 16).ptr};
}

std::string Shortest(double number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

std::string NumberText(Exposition format, double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  return format == Exposition::kText ? With16Digits(number) : Shortest(number);
}

// OpenMetrics wants bounds to look like floats: 5e-05, 0.0025, 1.0.
std::string BoundText(Exposition format, base::Duration bound) {
  std::string text = With16Digits(std::chrono::duration<double>(bound).count());
  if (format == Exposition::kOpenMetrics && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

// OpenMetrics allows a unit only if the family's name ends in it.
bool EndsInUnit(std::string_view family, std::string_view unit) {
  if (unit.empty() || !family.ends_with(unit)) return false;
  return family.substr(0, family.size() - unit.size()).ends_with('_');
}

}  // namespace

void ExpositionText::Add(MetricId id, double value, LabelValues labels) {
  AddSample(id, {}, labels, {}, value);
}

void ExpositionText::AddHistogram(MetricId id, const HistogramValue& value, LabelValues labels) {
  const auto count = static_cast<double>(value.counts.back());
  const auto add_totals = [&] {
    AddSample(id, "_count", labels, {}, count);
    AddSample(id, "_sum", labels, {}, value.sum);
  };
  if (format_ == Exposition::kText) add_totals();
  size_t bucket = 0;
  for (const base::Duration bound : Row(id).buckets) {
    AddSample(id, "_bucket", labels, BoundText(format_, bound), static_cast<double>(value.counts[bucket++]));
  }
  AddSample(id, "_bucket", labels, "+Inf", count);
  if (format_ == Exposition::kOpenMetrics) add_totals();
}

std::string ExpositionText::Finish() const {
  std::string out;
  for (const Metric& row : MetricTable()) {
    AppendHeadings(out, row);
    out += samples_[static_cast<size_t>(row.id)];
  }
  if (format_ == Exposition::kOpenMetrics) out += "# EOF\n";
  return out;
}

void ExpositionText::AddSample(MetricId id, std::string_view suffix, LabelValues labels,
                               std::string_view bound, double value) {
  std::string& out = samples_[static_cast<size_t>(id)];
  const Metric& row = Row(id);
  out.append(row.name).append(suffix);
  char before = '{';
  const auto add_label = [&](std::string_view name, std::string_view label) {
    out += before;
    out.append(name).append("=\"");
    AppendEscaped(out, label);
    out += '"';
    before = ',';
  };
  size_t i = 0;
  for (const std::string_view label : labels) add_label(row.labels[i++].name, label);
  if (!bound.empty()) add_label("le", bound);
  if (before == ',') out += '}';
  out.append(" ").append(NumberText(format_, value)).append("\n");
}

// A counter's name ends in _total; in OpenMetrics that is a part of its sample's name only.
void ExpositionText::AppendHeadings(std::string& out, const Metric& row) const {
  if (format_ == Exposition::kText) {
    out.append("# HELP ").append(row.name).append(" ").append(row.help).append("\n");
    out.append("# TYPE ").append(row.name).append(" ").append(KindName(row.kind)).append("\n");
    return;
  }
  std::string_view family = row.name;
  if (row.kind == MetricKind::kCounter) family.remove_suffix(std::string_view("_total").size());
  out.append("# TYPE ").append(family).append(" ").append(KindName(row.kind)).append("\n");
  if (EndsInUnit(family, row.unit))
    out.append("# UNIT ").append(family).append(" ").append(row.unit).append("\n");
  out.append("# HELP ").append(family).append(" ").append(row.help).append("\n");
}

}  // namespace ei::telemetry
