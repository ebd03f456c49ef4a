#include "adapters/telemetry/exposition.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "unit/adapters/telemetry/exposition_parser.h"

namespace ei::telemetry {
namespace {

using exposition::Dialect;
using exposition::Parser;

// The lines with the metric's samples.
std::string Samples(const ExpositionText& text, std::string_view name) {
  std::string samples;
  std::istringstream lines(text.Finish());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name)) samples += line + '\n';
  }
  return samples;
}

TEST(ExpositionText, QuotesBackslashesAndLineBreaksInLabelsAreEscaped) {
  const std::string wild = "a\"b\\c\nd\\";
  for (const auto format : {Exposition::kText, Exposition::kOpenMetrics}) {
    ExpositionText text(format);
    text.Add(MetricId::kSinkFaults, 1, {wild});
    const auto dialect = format == Exposition::kText ? Dialect::kText : Dialect::kOpenMetrics;
    const auto read = Parser(dialect).Parse(text.Finish());
    ASSERT_TRUE(read.has_value()) << read.error();
    EXPECT_EQ(exposition::Value(*read, "event_ingestor_sink_faults_total", {{"code", wild}}), 1);
  }
}

TEST(ExpositionText, NumbersThatAreNoneAreNamed) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const auto format : {Exposition::kText, Exposition::kOpenMetrics}) {
    ExpositionText text(format);
    for (const double number : {std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity}) {
      text.Add(MetricId::kProcessThreads, number);
    }
    EXPECT_EQ(Samples(text, "process_threads"),
              "process_threads NaN\nprocess_threads +Inf\nprocess_threads -Inf\n");
  }
}

TEST(ExpositionText, WithoutSamplesThereAreHeadingsOnly) {
  const std::string text = ExpositionText(Exposition::kText).Finish();
  EXPECT_TRUE(text.starts_with("# HELP event_ingestor_http_requests_total ")) << text;
  EXPECT_EQ(text.find("\nevent_ingestor"), std::string::npos) << text;
  EXPECT_TRUE(ExpositionText(Exposition::kOpenMetrics).Finish().ends_with("\n# EOF\n"));
}

TEST(ExpositionText, OnlyOpenMetricsTakesTheSuffixFromACountersFamilyAndNamesItsUnit) {
  ExpositionText text(Exposition::kText);
  ExpositionText open(Exposition::kOpenMetrics);
  for (ExpositionText* const one : {&text, &open}) one->Add(MetricId::kProcessCpu, 9007199254740991);
  const std::string sample = "process_cpu_seconds_total 9007199254740991\n";
  const std::string help = "CPU time of the process, user and system.\n";
  EXPECT_NE(text.Finish().find("# HELP process_cpu_seconds_total " + help +
                               "# TYPE process_cpu_seconds_total counter\n" + sample),
            std::string::npos);
  EXPECT_NE(open.Finish().find("# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n"
                               "# HELP process_cpu_seconds " +
                               help + sample),
            std::string::npos);
}

TEST(ExpositionText, AUnitThatTheNameDoesNotEndInIsLeftOut) {
  const std::string text = ExpositionText(Exposition::kOpenMetrics).Finish();
  EXPECT_NE(text.find("# UNIT event_ingestor_journal_events events\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("# UNIT event_ingestor_events_accepted"), std::string::npos) << text;
}

}  // namespace
}  // namespace ei::telemetry
