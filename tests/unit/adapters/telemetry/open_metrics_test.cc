#include "adapters/telemetry/open_metrics.h"

#include <gtest/gtest.h>

#include <limits>

#include "unit/adapters/telemetry/exposition_parser.h"

namespace ei::telemetry {
namespace {

using exposition::Dialect;
using exposition::Parser;
using exposition::Value;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric Gauge(double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.gauge.value = value;
  metric.label = std::move(labels);
  return metric;
}

TEST(OpenMetrics, QuotesBackslashesAndLineBreaksAreEscaped) {
  const std::string wild = "a\"b\\c\nd\\";
  const std::vector<MetricFamily> families = {
      {"one", "Help: " + wild, MetricType::Gauge, {Gauge(1, {{"label", wild}})}}};
  const std::string text = WriteOpenMetrics(families);
  const auto read = Parser(Dialect::kOpenMetrics).Parse(text);
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_EQ(read->at(0).help, "Help: " + wild);
  EXPECT_EQ(Value(*read, "one", {{"label", wild}}), 1);
}

TEST(OpenMetrics, NumbersThatAreNoneAreNamed) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<MetricFamily> families = {
      {"one",
       "Help.",
       MetricType::Gauge,
       {Gauge(std::numeric_limits<double>::quiet_NaN(), {{"a", "1"}}), Gauge(kInfinity, {{"a", "2"}}),
        Gauge(-kInfinity, {{"a", "3"}})}}};
  EXPECT_EQ(
      WriteOpenMetrics(families),
      "# TYPE one gauge\n# HELP one Help.\none{a=\"1\"} NaN\none{a=\"2\"} +Inf\none{a=\"3\"} -Inf\n# EOF\n");
}

TEST(OpenMetrics, NothingIsStillADocument) { EXPECT_EQ(WriteOpenMetrics({}), "# EOF\n"); }

TEST(OpenMetrics, ACountersFamilyHasNoSuffixAndItsSampleHas) {
  ClientMetric metric;
  metric.counter.value = 9007199254740991;
  const std::vector<MetricFamily> families = {
      {"process_cpu_seconds_total", "Help.", MetricType::Counter, {metric}}};
  EXPECT_EQ(WriteOpenMetrics(families),
            "# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n"
            "# HELP process_cpu_seconds Help.\nprocess_cpu_seconds_total 9007199254740991\n# EOF\n");
}

TEST(OpenMetrics, AUnitThatTheNameDoesNotEndInIsLeftOut) {
  const std::vector<MetricFamily> families = {
      {"event_ingestor_journal_events", "Help.", MetricType::Gauge, {Gauge(1)}},
      {"event_ingestor_events_accepted_total", "Help.", MetricType::Counter, {}}};
  const std::string text = WriteOpenMetrics(families);
  EXPECT_NE(text.find("# UNIT event_ingestor_journal_events events\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("# UNIT event_ingestor_events_accepted"), std::string::npos) << text;
}

TEST(OpenMetrics, BucketsEndInInfinityAndTheirBoundsAreFloats) {
  ClientMetric metric;
  metric.label = {{"route", "events"}};
  metric.histogram.sample_count = 3;
  metric.histogram.sample_sum = 12.5;
  metric.histogram.bucket.resize(3);
  metric.histogram.bucket[0] = {1, 0.00005};
  metric.histogram.bucket[1] = {1, 0.0025};
  metric.histogram.bucket[2] = {2, 10};
  const std::vector<MetricFamily> families = {{"took_seconds", "Help.", MetricType::Histogram, {metric}}};
  EXPECT_EQ(WriteOpenMetrics(families),
            "# TYPE took_seconds histogram\n# HELP took_seconds Help.\n"
            "took_seconds_bucket{route=\"events\",le=\"5e-05\"} 1\n"
            "took_seconds_bucket{route=\"events\",le=\"0.0025\"} 1\n"
            "took_seconds_bucket{route=\"events\",le=\"10.0\"} 2\n"
            "took_seconds_bucket{route=\"events\",le=\"+Inf\"} 3\n"
            "took_seconds_count{route=\"events\"} 3\n"
            "took_seconds_sum{route=\"events\"} 12.5\n# EOF\n");
}

}  // namespace
}  // namespace ei::telemetry
