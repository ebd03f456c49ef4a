#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "bench/latency_histogram.h"

namespace ei::bench {

// The results of one run.
struct LoadReport {
  std::string run_prefix;
  std::uint64_t requests = 0;  // sent at least in part; includes retries
  std::uint64_t accepted_events = 0;
  std::array<std::uint64_t, 600> statuses{};
  std::uint64_t unanswered = 0;  // requests whose connection ended before their reply
  std::uint64_t connect_errors = 0;
  std::uint64_t reconnects = 0;  // connections opened after the first one of each slot
  std::uint64_t bad_replies = 0;
  std::string first_bad_reply;
  std::uint64_t given_up = 0;         // rejected requests whose retry was prevented by the end of the run
  std::uint64_t not_sent = 0;         // at a fixed rate: due, but all connections were busy until the end
  double seconds = 0;                 // from the start to the last reply
  LatencyHistogram latency;           // of all replies to requests whose events have ids
  LatencyHistogram accepted_latency;  // of those that accepted at least one event
  LatencyHistogram nameless_latency;  // of replies to the others
  double cpu_seconds = 0;             // the generator's own
};

// One JSON object on one line.
std::string ToJson(const LoadReport& report);

}  // namespace ei::bench
