#pragma once

#include <cctype>
#include <charconv>
#include <cmath>
#include <expected>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ei::telemetry::exposition {

using Labels = std::map<std::string, std::string>;

struct Sample {
  std::string name;
  Labels labels;
  double value = 0;
};

struct Family {
  std::string name;
  std::string type;
  std::string unit;
  std::string help;
  std::vector<Sample> samples;
};

enum class Dialect { kText, kOpenMetrics };

// A strict parser of counters, gauges and histograms in the Prometheus text format 0.0.4 and in
// OpenMetrics 1.0. It rejects everything that the format forbids, also where scrapers are lenient.
class Parser {
 public:
  explicit Parser(Dialect dialect) : dialect_(dialect) {}

  std::expected<std::vector<Family>, std::string> Parse(std::string_view text) {
    bool ended = false;
    while (!text.empty()) {
      const size_t end = text.find('\n');
      if (end == std::string_view::npos) return std::unexpected("the last line has no end");
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(end + 1);
      if (ended) return std::unexpected("something follows # EOF");
      if (dialect_ == Dialect::kOpenMetrics && line == "# EOF") {
        ended = true;
      } else if (const std::string fault = ReadLine(line); !fault.empty()) {
        return std::unexpected(fault + ": " + std::string(line));
      }
    }
    if (dialect_ == Dialect::kOpenMetrics && !ended) return std::unexpected("no # EOF");
    if (const std::string fault = FinishFamily(); !fault.empty()) return std::unexpected(fault);
    return families_;
  }

 private:
  static bool IsName(std::string_view name, bool label) {
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
    for (const char c : name) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && (label || c != ':')) return false;
    }
    return !(label && name.starts_with("__"));
  }

  static std::optional<double> ReadNumber(std::string_view text) {
    if (text == "+Inf") return std::numeric_limits<double>::infinity();
    if (text == "-Inf") return -std::numeric_limits<double>::infinity();
    if (text == "NaN" || text == "Nan") return std::numeric_limits<double>::quiet_NaN();
    double number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc() || end != text.data() + text.size() || !std::isfinite(number))
      return std::nullopt;
    return number;
  }

  // Removes from `text` and returns the part up to an unescaped `stop` (0: the end); also removes the stop.
  std::optional<std::string> Unescape(std::string_view& text, char stop) const {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
      if (stop != 0 && text[i] == stop) {
        text.remove_prefix(i + 1);
        return plain;
      }
      if (text[i] != '\\') {
        if (text[i] == '"' && dialect_ == Dialect::kOpenMetrics) return std::nullopt;
        plain += text[i];
        continue;
      }
      if (++i == text.size()) return std::nullopt;
      switch (text[i]) {
        case 'n': plain += '\n'; break;
        case '\\': plain += '\\'; break;
        case '"': plain += '"'; break;
        default: return std::nullopt;
      }
    }
    if (stop != 0) return std::nullopt;
    text = {};
    return plain;
  }

  std::string ReadLine(std::string_view line) {
    if (line.empty() || line.front() == ' ' || line.back() == ' ' ||
        line.find_first_of("\r\t") != line.npos) {
      return "blank line or stray blanks";
    }
    return line.starts_with('#') ? ReadMetadata(line) : ReadSample(line);
  }

  static std::string_view TakeWord(std::string_view& line) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    return word;
  }

  std::string ReadMetadata(std::string_view line) {
    if (TakeWord(line) != "#") return "not metadata";
    const std::string keyword(TakeWord(line));
    const std::string name(TakeWord(line));
    if (!IsName(name, false)) return "not a metric name";
    if (families_.empty() || families_.back().name != name) {
      if (const std::string fault = FinishFamily(); !fault.empty()) return fault;
      if (!names_.insert(name).second) return "the family has been there before";
      families_.push_back({name, {}, {}, {}, {}});
      seen_.clear();
    }
    Family& family = families_.back();
    if (!family.samples.empty()) return "metadata behind samples";
    if (!seen_.insert(keyword).second) return "metadata twice";
    if (keyword == "TYPE") {
      if (line != "counter" && line != "gauge" && line != "histogram") return "unknown type";
      family.type = line;
    } else if (keyword == "HELP") {
      const auto help = Unescape(line, 0);
      if (!help || help->empty()) return "bad help";
      family.help = *help;
    } else if (keyword == "UNIT" && dialect_ == Dialect::kOpenMetrics) {
      if (line.empty() || !name.ends_with(std::string("_").append(line)))
        return "the name does not end in the unit";
      family.unit = line;
    } else {
      return "unknown keyword";
    }
    return {};
  }

  std::string ReadSample(std::string_view line) {
    Sample sample;
    const size_t name_end = line.find_first_of("{ ");
    if (name_end == std::string_view::npos) return "no value";
    sample.name = line.substr(0, name_end);
    line.remove_prefix(name_end);
    if (line.front() == '{') {
      do {
        line.remove_prefix(1);
        const size_t equals = line.find("=\"");
        if (equals == std::string_view::npos) return "bad label";
        const std::string label(line.substr(0, equals));
        line.remove_prefix(equals + 2);
        const auto value = Unescape(line, '"');
        if (!IsName(label, true) || !value || line.empty()) return "bad label";
        if (!sample.labels.emplace(label, *value).second) return "label twice";
      } while (line.front() == ',');
      if (line.front() != '}') return "labels without an end";
      line.remove_prefix(1);
    }
    if (!line.starts_with(' ')) return "no value";
    const auto value = ReadNumber(line.substr(1));
    if (!value) return "not a number";
    sample.value = *value;
    if (families_.empty() || families_.back().type.empty()) return "sample without a type";
    Family& family = families_.back();
    if (!NameFits(family, sample.name)) return "sample of another family";
    if (family.type == "counter" && !(sample.value >= 0)) return "counter below 0";
    if (!samples_.emplace(sample.name, sample.labels).second) return "sample twice";
    family.samples.push_back(std::move(sample));
    return {};
  }

  bool NameFits(const Family& family, std::string_view name) const {
    if (family.type == "histogram") {
      return name == family.name + "_bucket" || name == family.name + "_count" ||
             name == family.name + "_sum";
    }
    const bool suffix = family.type == "counter" && dialect_ == Dialect::kOpenMetrics;
    return name == family.name + (suffix ? "_total" : "");
  }

  std::string FinishFamily() const {
    if (families_.empty()) return {};
    const Family& family = families_.back();
    if (family.type.empty()) return "no type: " + family.name;
    if (dialect_ == Dialect::kOpenMetrics && family.name.ends_with("_total")) return "family ends in _total";
    return family.type == "histogram" ? CheckHistogram(family) : std::string();
  }

  static std::string CheckHistogram(const Family& family) {
    struct Series {
      std::vector<std::pair<double, double>> buckets;
      std::optional<double> count, sum;
    };
    std::map<Labels, Series> all;
    for (const Sample& sample : family.samples) {
      Labels labels = sample.labels;
      const auto bound = labels.extract("le");
      Series& series = all[labels];
      if (sample.name.ends_with("_bucket")) {
        const auto number = bound.empty() ? std::nullopt : ReadNumber(bound.mapped());
        if (!number) return "bucket without a bound: " + family.name;
        series.buckets.emplace_back(*number, sample.value);
      } else {
        if (!bound.empty()) return "le outside a bucket: " + family.name;
        (sample.name.ends_with("_count") ? series.count : series.sum) = sample.value;
      }
    }
    for (const auto& [labels, series] : all) {
      if (!series.count || !series.sum || series.buckets.empty())
        return "incomplete histogram: " + family.name;
      for (size_t i = 1; i < series.buckets.size(); ++i) {
        const auto& [bound, count] = series.buckets[i];
        if (bound <= series.buckets[i - 1].first) return "bounds do not ascend: " + family.name;
        if (count < series.buckets[i - 1].second) return "buckets are not cumulative: " + family.name;
      }
      if (!std::isinf(series.buckets.back().first)) return "no +Inf bucket: " + family.name;
      if (series.buckets.back().second != *series.count) return "+Inf is not the count: " + family.name;
    }
    return {};
  }

  const Dialect dialect_;
  std::vector<Family> families_;
  std::set<std::string> names_;
  std::set<std::string> seen_;  // keywords of the current family
  std::set<std::pair<std::string, Labels>> samples_;
};

// The value of a sample; nullopt if there is none.
inline std::optional<double> Value(const std::vector<Family>& families, std::string_view sample_name,
                                   const Labels& labels = {}) {
  for (const Family& family : families) {
    for (const Sample& sample : family.samples) {
      if (sample.name == sample_name && sample.labels == labels) return sample.value;
    }
  }
  return std::nullopt;
}

}  // namespace ei::telemetry::exposition
