// Sends a bounded load of events to a server on this machine and prints the results as one JSON object.

#include <arpa/inet.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <charconv>
#include <csignal>
#include <string>
#include <string_view>

#include "bench/load_report.h"
#include "bench/load_run.h"
#include "bench/load_settings.h"

namespace ei::bench {
namespace {

std::atomic<int> stop_requests{0};
static_assert(std::atomic<int>::is_always_lock_free, "changed in a signal handler");

void OnStopSignal(int) { stop_requests.fetch_add(1, std::memory_order_relaxed); }

base::Result<void> ReadUrl(std::string_view url, LoadSettings& settings) {
  const auto refuse = [&](std::string_view why) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("--url {}: {}; expected http:// or https://127.0.0.1:PORT/PATH", url, why));
  };
  constexpr std::string_view kPlain = "http://";
  constexpr std::string_view kTls = "https://";
  settings.tls = url.starts_with(kTls);
  if (!settings.tls && !url.starts_with(kPlain)) return refuse("not http");
  const std::string_view rest = url.substr(settings.tls ? kTls.size() : kPlain.size());
  const std::size_t slash = rest.find('/');
  settings.host = rest.substr(0, slash);
  settings.path = slash == rest.npos ? "/" : rest.substr(slash);

  const std::size_t colon = settings.host.find(':');
  std::string address = settings.host.substr(0, colon);
  if (address == "localhost") address = "127.0.0.1";
  settings.address.sin_family = AF_INET;
  if (inet_pton(AF_INET, address.c_str(), &settings.address.sin_addr) != 1) return refuse("no IPv4 address");
  if (ntohl(settings.address.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) {
    return refuse("load goes to this machine only");
  }
  const std::string port =
      colon == settings.host.npos ? (settings.tls ? "443" : "80") : settings.host.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number == 0) return refuse("bad port");
  settings.address.sin_port = htons(number);
  return {};
}

int Main(int argc, char** argv) {
  LoadSettings settings;
  std::string url;
  int host = 1;
  double duration_s = 0;
  std::uint64_t requests = 0;
  double rate = 0;
  double drain_s = 10;
  double retry_wait_max_s = 1;

  CLI::App app("Load generator: bounded, loopback only");
  app.add_option("--url", url, "http:// or https://127.0.0.1:PORT/PATH; any certificate is accepted")
      ->required();
  app.add_option("--host", host, "the client connects from 127.0.0.HOST")
      ->check(CLI::Range(1, 254))
      ->capture_default_str();
  app.add_option("--header", settings.header, "one more header of each request, as \"Name: value\"");
  app.add_option("--connections", settings.connections)->check(CLI::Range(1, 10'000))->capture_default_str();
  auto* duration =
      app.add_option("--duration", duration_s, "seconds to send (with --requests alone: at most 600)")
          ->check(CLI::Range(0.01, 3600.0));
  auto* count = app.add_option("--requests", requests, "requests to send")->check(CLI::PositiveNumber);
  app.add_option("--events-per-request", settings.events_per_request, "1: a JSON object; more: NDJSON")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--event-bytes", settings.event_bytes)->check(CLI::Range(1, 1 << 20))->capture_default_str();
  app.add_flag(
      "--spoilt", settings.spoilt,
      "append an invalid line to each batch and request all-or-nothing handling: the batch is read and "
      "validated completely, then rejected");
  app.add_option("--nameless-every", settings.nameless_every,
                 "the last of every N requests has events without ids; its latency is reported separately")
      ->check(CLI::Range(2, 1'000'000));
  app.add_option("--ledger", settings.ledger, "file to append the ids of accepted events to");
  auto* at_rate = app.add_option("--rate", rate, "requests per second at fixed times (default: closed loop)")
                      ->check(CLI::Range(0.1, 1e6));
  app.add_option("--pipeline", settings.pipeline, "requests in flight on one connection")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--close-after", settings.close_after, "requests on a connection, then a new one is opened");
  app.add_flag("--resume", settings.resumes, "with https: connections resume a TLS session");
  app.add_flag("--retry-refused", settings.retry_refused,
               "repeat requests that got 429 or 503, with the same ids, after Retry-After");
  app.add_option("--retry-wait-max", retry_wait_max_s, "longest such wait, seconds")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  app.add_flag("--stop-on-error", settings.stop_on_error, "end at the first lost connection or bad reply");
  app.add_option("--drain", drain_s, "longest wait for the last replies, seconds")
      ->check(CLI::Range(0.0, 600.0))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto nanoseconds = [](double seconds) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
  };
  if (*duration) settings.duration = nanoseconds(duration_s);
  if (*count) {
    settings.requests = requests;
    // If the server never answers, the run must still end.
    if (!settings.duration) settings.duration = std::chrono::minutes(10);
  }
  if (*at_rate) settings.rate = rate;
  settings.drain = nanoseconds(drain_s);
  settings.retry_wait_max = nanoseconds(retry_wait_max_s);
  const auto usage_fault = [](std::string_view text) {
    fmt::print(stderr, "load_generator: {}\n", text);
    return 2;
  };
  if (const auto read = ReadUrl(url, settings); !read) return usage_fault(read.error().message);
  settings.source.sin_family = AF_INET;
  settings.source.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + static_cast<std::uint32_t>(host));
  if (!settings.duration) return usage_fault("set --duration or --requests");
  if (settings.spoilt && settings.events_per_request == 1) {
    return usage_fault("--spoilt needs --events-per-request above 1");
  }
  if (settings.nameless_every > 0 && !settings.ledger.empty()) {
    return usage_fault("--nameless-every and --ledger: the ids of those events are assigned by the server");
  }
  if (settings.close_after % settings.pipeline != 0) {
    return usage_fault("--close-after must be a multiple of --pipeline");
  }
  if (settings.retry_refused && settings.pipeline > 1) {
    return usage_fault("--retry-refused needs --pipeline 1");
  }
  const std::size_t memory = std::size_t{settings.connections} * settings.pipeline *
                             settings.events_per_request * settings.event_bytes;
  if (memory > std::size_t{1} << 30) {
    return usage_fault("more than 1 GiB of requests in flight; lower --connections, --pipeline or sizes");
  }

  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that the server has closed
  struct sigaction action{};
  action.sa_handler = OnStopSignal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  LoadRun run(settings);
  const auto report = run.Run(&stop_requests);
  if (!report) {
    fmt::print(stderr, "load_generator: {}\n", report.error().message);
    return 1;
  }
  fmt::print("{}\n", ToJson(*report));
  return 0;
}

}  // namespace
}  // namespace ei::bench

int main(int argc, char** argv) { return ei::bench::Main(argc, argv); }
