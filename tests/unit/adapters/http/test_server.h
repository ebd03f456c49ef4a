#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "adapters/http/server.h"
#include "adapters/json/event_decoder.h"
#include "journal/memory_journal.h"
#include "support/durable_journal.h"
#include "support/event_settler.h"
#include "support/null_log.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"
#include "unit/adapters/http/http_client.h"

namespace ei::http {

struct TestServerOptions {
  HttpOptions http;
  size_t journal_events_max = 1'000'000;
  uint64_t journal_bytes_max = 256 << 20;
  double rate = 0;
  double burst = 1;
  size_t batch_events_max = 10'000;
  ei::Ingest::Options ingest;
  size_t awaited_events_max = 1'000'000;
  IdempotencyWindow* window = nullptr;  // outlives the server
  const EventSink* sink = nullptr;      // the same
  ClientShares* shares = nullptr;       // the same
  std::function<std::unique_ptr<Authenticator>()> make_authenticator = {};
  bool keep_client_names = false;
  bool serve = true;
  std::function<std::string()> unready_reason = [] { return std::string(); };
  std::function<std::string(bool)> metrics = [](bool) { return std::string("# none\n"); };
};

// The HTTP adapter over the real ingest path: decoder, ingest, memory journal. Nothing takes events from the
// journal; the test sets its durable end and the results of events.
template <typename ClockKind>
class BasicTestServer {
 public:
  explicit BasicTestServer(TestServerOptions options = {})
      : options_(Adapted(std::move(options))),
        bucket_(options_.rate, options_.burst),
        memory_({.events_max = options_.journal_events_max,
                 .bytes_max = options_.journal_bytes_max,
                 .lanes = 1,
                 .shares = options_.shares,
                 .awaited_events_max = options_.awaited_events_max,
                 .window = options_.window}),
        ingest_(options_.ingest, bucket_, journal_, drain_rate_, topic_limits_, clock_, telemetry_,
                options_.window, options_.sink, options_.shares) {
    journal_.OnLaneFilled([](size_t) {});
    auto started = TryStart(options_.http);
    if (!started) {
      ADD_FAILURE() << started.error().message;
      std::abort();
    }
    server_ = std::move(*started);
    if (options_.serve) server_->Serve();
  }

  // Starts another server on the same ingest path.
  base::Result<std::unique_ptr<Server>> TryStart(const HttpOptions& http) {
    return Server::Start(http, {.ingest = ingest_,
                                .shares = options_.shares,
                                .journal = journal_,
                                .clock = clock_,
                                .telemetry = telemetry_,
                                .log = log_,
                                .operations = {options_.unready_reason, options_.metrics},
                                .limits = {64, options_.batch_events_max, options_.keep_client_names},
                                .routes = routes_,
                                .make_decoder =
                                    [events_max = options_.batch_events_max] {
                                      json::DecoderOptions decoder;
                                      decoder.batch_events_max = events_max;
                                      return json::MakeEventDecoder(decoder);
                                    },
                                .make_authenticator = options_.make_authenticator,
                                .seed = 1});
  }

  Server& Http() { return *server_; }
  void End() { server_.reset(); }
  uint16_t Port() const { return server_->Port(); }
  HttpClient Connect(int buffer_bytes = 0) const { return HttpClient(server_->Port(), buffer_bytes); }
  // Connects from 127.0.0.`host`.
  HttpClient ConnectFrom(uint8_t host) const { return HttpClient(server_->Port(), 0, host); }
  ClockKind& Clock() { return clock_; }
  ei::Ingest& Ingest() { return ingest_; }
  ei::TopicLimits& TopicLimits() { return topic_limits_; }
  support::DurableJournal& Journal() { return journal_; }
  // Settles events with these results, in this order.
  void Settle(const std::vector<support::EventResult>& results) { settler_.Settle(results); }
  uint64_t Accepted() const { return journal_.Stats().events; }
  support::RecordingTelemetry::Counts Counts() const { return telemetry_.Read(); }

  bool NoConnectionIsLeft() {
    return Eventually([this] { return server_->Connections() == 0; });
  }
  bool NoBytesAreHeld() {
    return Eventually([this] { return server_->InflightBytes() == 0; });
  }

 private:
  static TestServerOptions Adapted(TestServerOptions options) {
    options.http.port = 0;
    return options;
  }

  const TestServerOptions options_;
  ClockKind clock_;
  support::RecordingTelemetry telemetry_;
  support::NullLog log_;
  CurrentRoutes routes_{std::make_shared<Routes>()};
  TokenBucket bucket_;
  MemoryJournal memory_;
  support::DurableJournal journal_{memory_};
  support::EventSettler settler_{journal_};
  DrainRate drain_rate_;
  ei::TopicLimits topic_limits_;
  ei::Ingest ingest_;
  std::unique_ptr<Server> server_;
};

using TestServer = BasicTestServer<support::RealClock>;

// A server whose timeouts happen only when the test advances the clock.
using TimedServer = BasicTestServer<support::VirtualClock>;

inline std::string PostEvents(std::string_view body, std::string_view headers = {},
                              std::string_view type = "application/json") {
  return "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: " + std::string(type) + "\r\n" +
         std::string(headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

inline std::string Get(std::string_view target, std::string_view headers = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: t\r\n" + std::string(headers) + "\r\n";
}

inline std::string EventNumber(uint64_t n) { return R"({"id":"e)" + std::to_string(n) + R"(","type":"t"})"; }

}  // namespace ei::http
