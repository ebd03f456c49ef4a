#include "adapters/telemetry/metrics_document.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "adapters/telemetry/metric_table.h"

namespace ei::telemetry {
namespace {

size_t Occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(MetricsDocument, HasOneRowForEachMetricWithItsHelpAndLabels) {
  const std::string document = MetricsDocument();
  for (const Metric& row : MetricTable()) {
    const std::string cell = std::string("\n| `").append(row.name).append("` | ");
    EXPECT_EQ(Occurrences(document, cell), row.kind == MetricKind::kHistogram ? 2U : 1U) << row.name;
    const size_t at = document.find(cell);
    const std::string line = document.substr(at + 1, document.find('\n', at + 1) - at - 1);
    EXPECT_TRUE(line.ends_with(std::string("| ").append(row.help).append(" |"))) << line;
    for (const MetricLabel& label : row.labels) {
      if (label.name.empty()) continue;
      EXPECT_NE(line.find(std::string("`").append(label.name).append("`: ")), std::string::npos) << line;
      for (const std::string_view value : label.known) {
        EXPECT_NE(line.find(std::string("`").append(value).append("`")), std::string::npos) << line;
      }
    }
  }
}

TEST(MetricsDocument, EveryRowOfATableHasAsManyCellsAsItsHead) {
  std::istringstream lines(MetricsDocument());
  size_t width = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('|')) {
      width = 0;
      continue;
    }
    const size_t cells = Occurrences(line, "|");
    if (width == 0) width = cells;
    EXPECT_EQ(cells, width) << line;
  }
}

TEST(MetricsDocument, KnownLabelValuesStandInBrackets) {
  EXPECT_NE(
      MetricsDocument().find("`route`: part of the HTTP interface (`events`, `health`, `livez`, `readyz`, "
                             "`metrics`, `other`); `status`: "),
      std::string::npos);
}

TEST(MetricsDocument, NamesTheBoundsAsPeopleWriteThem) {
  const std::string document = MetricsDocument();
  EXPECT_NE(document.find("| 0.00005, 0.0001, 0.00025, "), std::string::npos) << document;
  EXPECT_NE(document.find(", 300, 600 |"), std::string::npos) << document;
}

TEST(MetricsDocument, StatesTheBooks) {
  EXPECT_NE(MetricsDocument().find("accepted = delivered + dead_lettered + in journal"), std::string::npos);
}

}  // namespace
}  // namespace ei::telemetry
