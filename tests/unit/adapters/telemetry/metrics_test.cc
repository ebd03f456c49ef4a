#include "adapters/telemetry/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <memory>
#include <sstream>
#include <thread>

#include "adapters/telemetry/metric_table.h"
#include "support/temp_folder.h"
#include "unit/adapters/telemetry/exposition_parser.h"
#include "unit/adapters/telemetry/set_clock.h"

namespace ei::telemetry {
namespace {

using exposition::Dialect;
using exposition::Family;
using exposition::Labels;
using exposition::Parser;
using namespace std::chrono_literals;

class MetricsTest : public testing::Test {
 protected:
  std::vector<Family> Read(Exposition format = Exposition::kText) const {
    const auto dialect = format == Exposition::kText ? Dialect::kText : Dialect::kOpenMetrics;
    const std::string text = metrics_->Expose(format);
    auto families = Parser(dialect).Parse(text);
    EXPECT_TRUE(families.has_value()) << families.error() << "\nin\n" << text;
    return families.value_or(std::vector<Family>());
  }

  std::optional<double> Value(std::string_view name, const Labels& labels = {}) const {
    return exposition::Value(Read(), std::string("event_ingestor_").append(name), labels);
  }

  // Registers the sources as the service does at its start.
  void Wire() {
    metrics_->AddGauge(MetricId::kHttpConnections, [] { return 3; });
    metrics_->AddGauge(MetricId::kTlsCertificateExpiry, [] { return 2e9; });
    metrics_->AddCounter(MetricId::kTlsReloadFailures, [] { return 2; });
    metrics_->AddGauge(MetricId::kHttpInflightBytes, [] { return 4096; });
    metrics_->AddGauge(MetricId::kRequestsWaiting, [] { return 2; });
    metrics_->AddGauge(MetricId::kClients, [] { return 7; });
    metrics_->AddGauge(MetricId::kClientJournalPart, [] { return 0.5; });
    metrics_->AddGauge(MetricId::kOpenAccess, [] { return 0; });
    metrics_->AddGauge(MetricId::kJwksAge, [] { return 2; });
    metrics_->AddCounter(MetricId::kJwksFailures, [] { return 3; });
    metrics_->AddCounter(MetricId::kClientsFileFailures, [] { return 1; });
    metrics_->AddGauge(MetricId::kSinkInflightEvents, [] { return 17; });
    metrics_->AddGauge(MetricId::kDeliveryWaitingEvents, [] { return 18; });
    metrics_->AddGauge(MetricId::kStuckDestinations, [] { return 3; });
    metrics_->AddGauge(MetricId::kSinkRefused, [] { return 0; });
    metrics_->AddGauge(MetricId::kSinkPause, [] { return 0; });
    metrics_->AddGauge(MetricId::kOneAckTopics, [] { return 0; });
    metrics_->AddCounter(MetricId::kLogLinesSuppressed, [] { return 5; });
    metrics_->AddCounter(MetricId::kLogLinesDropped, [] { return 6; });
    for (const auto id : {MetricId::kDeadLetterFileBytes, MetricId::kDeadLetterFileCapacity}) {
      metrics_->AddGauge(id, [] { return 1; });
    }
    metrics_->AddCounter(MetricId::kDeadLetterFileFailures, [] { return 1; });
    for (const auto id : {MetricId::kWalMemory, MetricId::kWalBacklog, MetricId::kWalDeferred,
                          MetricId::kWalSetAside, MetricId::kWalUnreadable}) {
      metrics_->AddGauge(id, [] { return 1; });
    }
    for (const auto id : {MetricId::kJournalRecovered, MetricId::kJournalLost, MetricId::kWalWritten}) {
      metrics_->AddCounter(id, [] { return 1; });
    }
    metrics_->AddJournal([] { return ei::JournalStats{}; });
    for (const auto id : {MetricId::kBrokerLetIn, MetricId::kBrokerRequests, MetricId::kBrokerRequestTime,
                          MetricId::kClientEventsAccepted, MetricId::kClientEventsRejected}) {
      metrics_->AddSeries(id, [] { return std::vector<Metrics::Labelled>{{"b:9092", 4}, {"c:9092", 5}}; });
    }
  }

  SetClock clock_;
  std::unique_ptr<Metrics> metrics_ =
      std::make_unique<Metrics>(clock_, BuildInfo{"1.2.3", "gcc 12.2", "haswell"});
};

TEST_F(MetricsTest, AnUnknownRouteCountsAsOther) {
  metrics_->HttpRequest("/etc/passwd", 404, 1ms);
  metrics_->HttpRequest("other", 404, 1ms);
  EXPECT_EQ(Value("http_requests_total", {{"route", "other"}, {"status", "404"}}), 2);
  EXPECT_EQ(metrics_->Expose(Exposition::kText).find("passwd"), std::string::npos);
}

TEST_F(MetricsTest, CodesBeyondTheBoundAreCountedTogether) {
  for (size_t i = 0; i < 1000; ++i) {
    metrics_->EventsRejected("invented_" + std::to_string(i), 1);
    metrics_->EventsDeadLettered("invented_" + std::to_string(i), DeadLetterPlace::kTopic, 1);
  }
  const double refused_by_name = cells::kRejectionCodesMax - kRejectionCodes.size();
  EXPECT_EQ(Value("events_rejected_total", {{"code", "other"}}), 1000 - refused_by_name);
  EXPECT_EQ(Value("events_dead_lettered_total", {{"code", "other"}, {"destination", "topic"}}),
            1000 - cells::kDeadLetterCodesMax);
  EXPECT_EQ(Value("events_dead_lettered_total", {{"code", "invented_0"}, {"destination", "topic"}}), 1);
}

TEST_F(MetricsTest, StatusesBeyondTheBoundAreCountedTogether) {
  for (uint16_t status = 200; status < 600; ++status) metrics_->HttpRequest("events", status, 1ms);
  EXPECT_EQ(Value("http_requests_total", {{"route", "events"}, {"status", "200"}}), 1);
  EXPECT_EQ(Value("http_requests_total", {{"route", "events"}, {"status", "other"}}),
            400 - cells::kStatusesMax);
}

TEST_F(MetricsTest, LabelsThatNeedEscapingAreReadBackAsTheyWere) {
  const std::string wild = "a\"b\\c\nd";
  metrics_->EventsDeadLettered(wild, DeadLetterPlace::kTopic, 2);
  for (const auto format : {Exposition::kText, Exposition::kOpenMetrics}) {
    EXPECT_EQ(exposition::Value(Read(format), "event_ingestor_events_dead_lettered_total",
                                {{"code", wild}, {"destination", "topic"}}),
              2);
  }
}

TEST_F(MetricsTest, ADurationBelowZeroCountsAsZero) {
  metrics_->HttpRequest("events", 202, -5ms);
  EXPECT_EQ(Value("http_request_duration_seconds_bucket", {{"route", "events"}, {"le", "5e-05"}}), 1);
  EXPECT_EQ(Value("http_request_duration_seconds_sum", {{"route", "events"}}), 0);
}

TEST_F(MetricsTest, TheSumOfManyLongWaitsDoesNotWrapRound) {
  metrics_->EventsDelivered(100'000'000, 24h);
  EXPECT_DOUBLE_EQ(Value("delivery_duration_seconds_sum").value(), 100e6 * 86'400);
  EXPECT_EQ(Value("delivery_duration_seconds_bucket", {{"le", "600"}}), 0);
  EXPECT_EQ(Value("delivery_duration_seconds_bucket", {{"le", "+Inf"}}), 100e6);
}

TEST_F(MetricsTest, AClockReadingBeforeTheOldestEventGivesNoAgeBelowZero) {
  metrics_->AddJournal([this] {
    ei::JournalStats stats;
    stats.oldest = clock_.Now() + 1s;
    return stats;
  });
  EXPECT_EQ(Value("journal_oldest_age_seconds"), 0);
}

TEST_F(MetricsTest, ASeriesHasASampleForEachOfItsLabels) {
  Wire();
  EXPECT_EQ(Value("broker_requests_total", {{"broker", "b:9092"}}), 4);
  EXPECT_EQ(Value("broker_requests_total", {{"broker", "c:9092"}}), 5);
}

TEST_F(MetricsTest, RecognizedAndPossibleRepeatsAreDistinguished) {
  metrics_->SinkRepeats(/*recognized=*/true, 3);
  metrics_->SinkRepeats(/*recognized=*/false, 2);
  EXPECT_EQ(Value("sink_repeats_total", {{"kind", "recognized"}}), 3);
  EXPECT_EQ(Value("sink_repeats_total", {{"kind", "possible"}}), 2);
}

TEST_F(MetricsTest, AMetricWithoutASourceHasNoValue) {
  EXPECT_EQ(Value("http_connections"), std::nullopt);
  EXPECT_EQ(Value("journal_events"), std::nullopt);
}

TEST_F(MetricsTest, AddsOfManyThreadsAreAllCounted) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kAdds = 100'000;
  std::latch start(kThreads + 1);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (uint64_t i = 0; i < kAdds; ++i) {
        metrics_->HttpRequest("events", i % 2 == 0 ? 202 : 429, 300us);
        metrics_->EventsReceived(3);
        metrics_->EventsRejected("rate_limited", 1);
        metrics_->EventsAccepted(2);
        metrics_->EventsDelivered(2, 10us);
        metrics_->EventsDeadLettered(i % 2 == 0 ? "message_too_large" : "invalid_record",
                                     DeadLetterPlace::kTopic, 1);
      }
    });
  }
  start.arrive_and_wait();
  double last = 0;
  for (int i = 0; i < 20; ++i) {  // concurrent scrapes see complete numbers that never decrease
    const auto families = Read();
    const double now = exposition::Value(families, "event_ingestor_events_received_total").value();
    EXPECT_GE(now, last);
    last = now;
  }
  for (auto& thread : threads) thread.join();

  constexpr double kAll = kThreads * kAdds;
  EXPECT_EQ(Value("http_requests_total", {{"route", "events"}, {"status", "202"}}), kAll / 2);
  EXPECT_EQ(Value("http_requests_total", {{"route", "events"}, {"status", "429"}}), kAll / 2);
  EXPECT_EQ(Value("http_request_duration_seconds_bucket", {{"route", "events"}, {"le", "0.00025"}}), 0);
  EXPECT_EQ(Value("http_request_duration_seconds_bucket", {{"route", "events"}, {"le", "0.0005"}}), kAll);
  EXPECT_DOUBLE_EQ(Value("http_request_duration_seconds_sum", {{"route", "events"}}).value(), kAll * 300e-6);
  EXPECT_EQ(Value("events_received_total"), 3 * kAll);
  EXPECT_EQ(Value("events_rejected_total", {{"code", "rate_limited"}}), kAll);
  EXPECT_EQ(Value("events_accepted_total"), 2 * kAll);
  EXPECT_EQ(Value("events_delivered_total"), 2 * kAll);
  EXPECT_EQ(Value("events_dead_lettered_total", {{"code", "message_too_large"}, {"destination", "topic"}}),
            kAll / 2);
  EXPECT_EQ(Value("events_dead_lettered_total", {{"code", "invalid_record"}, {"destination", "topic"}}),
            kAll / 2);
  EXPECT_EQ(Value("delivery_duration_seconds_count"), 2 * kAll);
}

TEST_F(MetricsTest, ThreadsThatShareAShardLoseNothing) {
  constexpr uint64_t kThreads = 2 * kShards;
  constexpr uint64_t kAdds = 50'000;
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (uint64_t i = 0; i < kAdds; ++i) metrics_->EventsReceived(1);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Value("events_received_total"), kThreads * kAdds);
}

TEST_F(MetricsTest, ABoundBelongsToItsBucket) {
  metrics_->HttpRequest("events", 202, 50us);
  metrics_->HttpRequest("events", 202, 50us + 1ns);
  EXPECT_EQ(Value("http_request_duration_seconds_bucket", {{"route", "events"}, {"le", "5e-05"}}), 1);
  EXPECT_EQ(Value("http_request_duration_seconds_bucket", {{"route", "events"}, {"le", "0.0001"}}), 2);
}

TEST_F(MetricsTest, TheFamiliesAreThoseOfTheTable) {
  Wire();
  for (const auto format : {Exposition::kText, Exposition::kOpenMetrics}) {
    const auto families = Read(format);
    ASSERT_EQ(families.size(), kMetricCount);
    for (size_t i = 0; i < kMetricCount; ++i) {
      const Metric& row = MetricTable()[i];
      const bool cut = format == Exposition::kOpenMetrics && row.kind == MetricKind::kCounter;
      EXPECT_EQ(families[i].name + (cut ? "_total" : ""), row.name);
      EXPECT_EQ(families[i].help, row.help);
      EXPECT_EQ(families[i].type, row.kind == MetricKind::kCounter ? "counter"
                                  : row.kind == MetricKind::kGauge ? "gauge"
                                                                   : "histogram");
    }
  }
}

TEST_F(MetricsTest, EverySampleHasTheLabelsOfTheTable) {
  Wire();
  metrics_->HttpRequest("events", 202, 1ms);
  metrics_->EventsDeadLettered("message_too_large", DeadLetterPlace::kTopic, 1);
  metrics_->JournalCommitted(1ms);
  const auto families = Read();
  ASSERT_EQ(families.size(), kMetricCount);
  for (size_t i = 0; i < kMetricCount; ++i) {
    std::vector<std::string> declared;
    for (const MetricLabel& label : MetricTable()[i].labels) {
      if (!label.name.empty()) declared.emplace_back(label.name);
    }
    std::sort(declared.begin(), declared.end());
    EXPECT_FALSE(families[i].samples.empty()) << families[i].name;
    for (const auto& sample : families[i].samples) {
      std::vector<std::string> found;
      for (const auto& [name, value] : sample.labels) {
        if (name != "le") found.push_back(name);
      }
      EXPECT_EQ(found, declared) << families[i].name;
    }
  }
}

TEST_F(MetricsTest, DeadLettersAreCountedByWhereTheyAreKept) {
  metrics_->EventsDeadLettered("message_too_large", DeadLetterPlace::kTopic, 2);
  metrics_->EventsDeadLettered("message_too_large", DeadLetterPlace::kFile, 3);
  metrics_->EventsDeadLettered("invalid_record", DeadLetterPlace::kFile, 4);
  const auto value = [this](const char* code, const char* destination) {
    return Value("events_dead_lettered_total", {{"code", code}, {"destination", destination}});
  };
  EXPECT_EQ(value("message_too_large", "topic"), 2);
  EXPECT_EQ(value("message_too_large", "file"), 3);
  EXPECT_EQ(value("invalid_record", "file"), 4);
  EXPECT_EQ(value("invalid_record", "topic"), std::nullopt);
}

TEST_F(MetricsTest, WhatHasNotHappenedYetIsZero) {
  for (const char* name : {"received", "accepted", "delivered", "retried", "undelivered"}) {
    EXPECT_EQ(Value(std::string("events_").append(name).append("_total")), 0) << name;
  }
  for (const std::string_view code : kRejectionCodes) {
    EXPECT_EQ(Value("events_rejected_total", {{"code", std::string(code)}}), 0) << code;
  }
  for (const std::string_view code : kRequestCodes) {
    EXPECT_EQ(Value("requests_rejected_total", {{"code", std::string(code)}}), 0) << code;
  }
  EXPECT_EQ(Value("connections_dropped_total", {{"reason", "silent"}}), 0);
  EXPECT_EQ(Value("delivery_duration_seconds_count"), 0);
}

TEST_F(MetricsTest, RejectedRequestsAndDroppedConnectionsAreCountedByTheirKind) {
  metrics_->RequestRejected("journal_full");
  metrics_->RequestRejected("missing_type");
  metrics_->RequestRejected("journal_full");
  metrics_->ConnectionDropped("refused");
  EXPECT_EQ(Value("requests_rejected_total", {{"code", "journal_full"}}), 2);
  EXPECT_EQ(Value("requests_rejected_total", {{"code", "missing_type"}}), 1);
  EXPECT_EQ(Value("connections_dropped_total", {{"reason", "refused"}}), 1);
}

TEST_F(MetricsTest, HandshakesAreCountedByTheirKindOnceThereIsACertificate) {
  metrics_->TlsHandshake(false, 2ms);
  metrics_->TlsHandshake(true, 1ms);
  metrics_->TlsHandshake(true, 1ms);
  metrics_->TlsHandshakeFailed("plain_http");
  EXPECT_EQ(Value("tls_handshakes_total", {{"kind", "full"}}), std::nullopt);
  metrics_->AddGauge(MetricId::kTlsCertificateExpiry, [] { return 2e9; });
  EXPECT_EQ(Value("tls_handshakes_total", {{"kind", "full"}}), 1);
  EXPECT_EQ(Value("tls_handshakes_total", {{"kind", "resumed"}}), 2);
  EXPECT_EQ(Value("tls_handshake_failures_total", {{"reason", "plain_http"}}), 1);
  EXPECT_EQ(Value("tls_handshake_failures_total", {{"reason", "version"}}), 0);
  EXPECT_EQ(Value("tls_handshake_duration_seconds_count"), 3);
}

TEST_F(MetricsTest, GaugesAreAskedAtEachExposition) {
  Wire();
  double connections = 1;
  metrics_->AddGauge(MetricId::kHttpConnections, [&] { return connections; });
  EXPECT_EQ(Value("http_connections"), 1);
  connections = 2;
  EXPECT_EQ(Value("http_connections"), 2);
  EXPECT_EQ(Value("sink_inflight_events"), 17);
  EXPECT_EQ(Value("log_lines_suppressed_total"), 5);
}

TEST_F(MetricsTest, TheJournalIsExportedWithTheAgeOfItsOldestEvent) {
  ei::JournalStats stats{
      .events = 7, .bytes = 512, .events_max = 100, .bytes_max = 4096, .oldest = clock_.Now()};
  metrics_->AddJournal([&] { return stats; });
  clock_.Pass(1500ms);
  EXPECT_EQ(Value("journal_events"), 7);
  EXPECT_EQ(Value("journal_bytes"), 512);
  EXPECT_EQ(Value("journal_capacity_events"), 100);
  EXPECT_EQ(Value("journal_capacity_bytes"), 4096);
  EXPECT_EQ(Value("journal_oldest_age_seconds"), 1.5);
  stats.oldest.reset();
  EXPECT_EQ(Value("journal_oldest_age_seconds"), 0);
}

// The lines about these families, so that a new metric doesn't change the golden files.
std::string LinesOf(const std::string& text, std::initializer_list<std::string_view> families) {
  std::string found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::string_view name = line;
    if (name.starts_with('#')) name.remove_prefix(std::min(name.size(), std::string_view("# HELP ").size()));
    const bool wanted = std::ranges::any_of(families, [&](std::string_view family) {
      return name.starts_with(std::string("event_ingestor_").append(family));
    });
    if (wanted) found += line + '\n';
  }
  return found;
}

TEST_F(MetricsTest, BothFormatsAreThoseOfTheGoldenFiles) {
  Wire();
  metrics_->AddGauge(MetricId::kClientJournalPart, [] { return 1.0 / 3; });
  metrics_->AddGauge(MetricId::kSinkPause, [] { return 0.1 + 0.2; });
  metrics_->AddSeries(MetricId::kBrokerRequestTime, [] {
    return std::vector<Metrics::Labelled>{{"b:9092", 1e-7}, {"[::1]:9092", 12345678.5}};
  });
  metrics_->HttpRequest("events", 202, 300us);
  metrics_->HttpRequest("events", 202, 7ms);
  metrics_->HttpRequest("events", 429, 50us);
  metrics_->HttpRequest("metrics", 200, 20s);
  metrics_->EventsDeadLettered("a\"b\\c\nd", DeadLetterPlace::kTopic, 100'000);
  metrics_->EventsDeadLettered("message_too_large", DeadLetterPlace::kFile, 1);
  metrics_->EventsDelivered(123'456'789, 1500ms);
  for (const auto& [format, name] : {std::pair(Exposition::kText, "prometheus.txt"),
                                     std::pair(Exposition::kOpenMetrics, "openmetrics.txt")}) {
    EXPECT_EQ(LinesOf(metrics_->Expose(format),
                      {"http_request", "client_journal_part", "events_delivered", "events_dead_lettered",
                       "delivery_duration", "broker_request_seconds", "sink_pause", "build_info"}),
              support::ReadFile(std::string(EI_SOURCE_DIR "/tests/golden/metrics/") + name));
  }
}

TEST_F(MetricsTest, TellsWhatRunsHere) {
  EXPECT_EQ(
      Value("build_info", {{"version", "1.2.3"}, {"compiler", "gcc 12.2"}, {"json_scanner", "haswell"}}), 1);
}

}  // namespace
}  // namespace ei::telemetry
