#include "bench/load_report.h"

#include <fmt/format.h>

#include <iterator>

#include "bench/json_text.h"

namespace ei::bench {
namespace {

std::string Percentiles(const LatencyHistogram& latency) {
  const auto us = [](std::chrono::nanoseconds value) { return static_cast<double>(value.count()) / 1000; };
  return fmt::format(R"({{"count":{},"p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"max":{:.1f}}})", latency.Count(),
                     us(latency.Percentile(0.50)), us(latency.Percentile(0.90)), us(latency.Percentile(0.99)),
                     us(latency.Max()));
}

}  // namespace

std::string ToJson(const LoadReport& report) {
  std::string statuses;
  std::uint64_t replies = 0;
  for (std::size_t status = 0; status < report.statuses.size(); ++status) {
    if (report.statuses[status] == 0) continue;
    replies += report.statuses[status];
    fmt::format_to(std::back_inserter(statuses), R"({}"{}":{})", statuses.empty() ? "" : ",", status,
                   report.statuses[status]);
  }
  const double seconds = report.seconds > 0 ? report.seconds : 1e-9;
  return fmt::format(
      R"({{"run":"{}","requests":{},"accepted_events":{},"statuses":{{{}}},"unanswered":{},)"
      R"("connect_errors":{},"reconnects":{},"bad_replies":{},"first_bad_reply":{},"given_up":{},)"
      R"("not_sent":{},"seconds":{:.6f},"requests_per_s":{:.1f},"events_per_s":{:.1f},)"
      R"("latency_us":{},"accepted_latency_us":{},"nameless_latency_us":{},"generator_cpu_seconds":{:.3f}}})",
      report.run_prefix, report.requests, report.accepted_events, statuses, report.unanswered,
      report.connect_errors, report.reconnects, report.bad_replies, JsonText(report.first_bad_reply),
      report.given_up, report.not_sent, report.seconds, static_cast<double>(replies) / seconds,
      static_cast<double>(report.accepted_events) / seconds, Percentiles(report.latency),
      Percentiles(report.accepted_latency), Percentiles(report.nameless_latency), report.cpu_seconds);
}

}  // namespace ei::bench
