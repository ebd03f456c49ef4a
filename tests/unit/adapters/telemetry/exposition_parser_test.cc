#include "unit/adapters/telemetry/exposition_parser.h"

#include <gtest/gtest.h>

namespace ei::telemetry::exposition {
namespace {

// Other tests use the parser to validate the service's text, so these tests show that it rejects invalid
// text.
TEST(ExpositionParser, RejectsWhatOpenMetricsForbids) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "no # EOF"},
      {"# TYPE a gauge\na 1\n", "no # EOF"},
      {"# TYPE a gauge\na 1\n# EOF", "no end"},
      {"# EOF\n# TYPE a gauge\n", "follows # EOF"},
      {"\n# EOF\n", "blank"},
      {"# TYPE a gauge \n# EOF\n", "blank"},
      {"a 1\n# EOF\n", "without a type"},
      {"# HELP a text\n# EOF\n", "no type"},
      {"# TYPE a gauge\n# TYPE a gauge\n# EOF\n", "twice"},
      {"# TYPE a gauge\na 1\n# HELP a text\n# EOF\n", "behind samples"},
      {"# TYPE a gauge\n# TYPE b gauge\n# HELP a text\n# EOF\n", "before"},
      {"# TYPE a gauge\n# UNIT a seconds\n# EOF\n", "unit"},
      {"# TYPE a gauge\n# HELP a wrong \\t escape\n# EOF\n", "bad help"},
      {"# TYPE a_total counter\na_total 1\n# EOF\n", "another family"},
      {"# TYPE a_total counter\n# EOF\n", "_total"},
      {"# TYPE a counter\na 1\n# EOF\n", "another family"},
      {"# TYPE a counter\na_total -1\n# EOF\n", "below 0"},
      {"# TYPE a counter\na_total NaN\n# EOF\n", "below 0"},
      {"# TYPE a gauge\na 1x\n# EOF\n", "not a number"},
      {"# TYPE a gauge\na 1\na 2\n# EOF\n", "sample twice"},
      {"# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n# EOF\n", "label twice"},
      {"# TYPE a gauge\na{b=\"1} 1\n# EOF\n", "bad label"},
      {"# TYPE a gauge\na{b=\"\\q\"} 1\n# EOF\n", "bad label"},
      {"# TYPE a gauge\na{} 1\n# EOF\n", "bad label"},
      {"# TYPE a histogram\na_count 1\na_sum 1\n# EOF\n", "incomplete"},
      {"# TYPE a histogram\na_bucket{le=\"1.0\"} 1\na_count 1\na_sum 1\n# EOF\n", "+Inf"},
      {"# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\na_sum 1\n# EOF\n", "not the count"},
      {"# TYPE a histogram\na_bucket{le=\"1.0\"} 2\na_bucket{le=\"+Inf\"} 1\na_count 1\na_sum 1\n# EOF\n",
       "cumulative"},
      {"# TYPE a histogram\na_bucket{le=\"2.0\"} 1\na_bucket{le=\"1.0\"} 1\na_bucket{le=\"+Inf\"} 1\na_count 1\n"
       "a_sum 1\n# EOF\n",
       "ascend"},
  };
  for (const auto& [text, fault] : cases) {
    const auto families = Parser(Dialect::kOpenMetrics).Parse(text);
    ASSERT_FALSE(families.has_value()) << text;
    EXPECT_NE(families.error().find(fault), std::string::npos) << families.error() << "\nof\n" << text;
  }
}

TEST(ExpositionParser, ReadsBothDialects) {
  const auto open =
      Parser(Dialect::kOpenMetrics)
          .Parse("# TYPE a counter\n# HELP a Say \\\"a\\\".\na_total{b=\"\\\\\\n\\\"\"} 2\n# EOF\n");
  ASSERT_TRUE(open.has_value()) << open.error();
  EXPECT_EQ(open->at(0).help, "Say \"a\".");
  EXPECT_EQ(Value(*open, "a_total", {{"b", "\\\n\""}}), 2);
  const auto text =
      Parser(Dialect::kText).Parse("# HELP a_total Say a.\n# TYPE a_total counter\na_total 2\n");
  ASSERT_TRUE(text.has_value()) << text.error();
  EXPECT_EQ(Value(*text, "a_total"), 2);
}

}  // namespace
}  // namespace ei::telemetry::exposition
