#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/murmur2.h"
#include "delivery/event_sink.h"
#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

std::string CodeOf(const ReplyMessage& reply) { return json::parse(reply.body).value("code", ""); }

// The partition of the key "stalled" doesn't accept records.
class StalledSink final : public EventSink {
 public:
  SinkLane& Lane(size_t) override { std::abort(); }
  bool IsStalled(std::string_view topic, std::optional<uint32_t> key_hash) const override {
    return topic.empty() && key_hash == base::Murmur2("stalled");
  }
  SinkStatus Status() const override { return {}; }
};

TEST(ServerRequests, AnEventIsAcceptedAndTheConnectionStays) {
  TestServer server;
  HttpClient client = server.Connect();
  for (int i = 0; i < 3; ++i) {
    const auto reply = client.Ask(PostEvents(EventNumber(7), "X-Request-ID: mine\r\n"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202);
    EXPECT_EQ(reply->body, R"({"status":"accepted","id":"e7"})");
    EXPECT_EQ(reply->Header("event-ack"), "memory");
    EXPECT_EQ(reply->Header("content-type"), "application/json");
    EXPECT_EQ(reply->Header("x-request-id"), "mine");
    EXPECT_FALSE(reply->Header("date").empty());
    EXPECT_FALSE(reply->SaysClose());
  }
  EXPECT_EQ(server.Accepted(), 3U);
}

TEST(ServerRequests, RequestsWithoutAUsableIdGetOneOfTheirOwn) {
  TestServer server;
  HttpClient client = server.Connect();
  std::set<std::string> ids;
  for (const auto header : {"", "X-Request-ID: a b\r\n", "X-Request-ID: \"\r\n"}) {
    const auto reply = client.Ask(PostEvents(EventNumber(1), header));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->Header("x-request-id").size(), 36U);
    ids.insert(reply->Header("x-request-id"));
  }
  EXPECT_EQ(ids.size(), 3U);
}

TEST(ServerRequests, AHundredPipelinedRequestsAreAnsweredInOrder) {
  TestServer server;
  HttpClient client = server.Connect();
  std::string wire;
  for (uint64_t n = 0; n < 100; ++n) {
    wire += n % 10 == 9 ? Get("/livez", "X-Request-ID: r" + std::to_string(n) + "\r\n")
                        : PostEvents(EventNumber(n), "X-Request-ID: r" + std::to_string(n) + "\r\n");
  }
  ASSERT_TRUE(client.Send(wire));
  for (uint64_t n = 0; n < 100; ++n) {
    const auto reply = client.Receive();
    ASSERT_TRUE(reply) << n;
    EXPECT_EQ(reply->Header("x-request-id"), "r" + std::to_string(n));
    EXPECT_EQ(reply->status, n % 10 == 9 ? 200 : 202);
  }
  EXPECT_EQ(server.Accepted(), 90U);
}

TEST(ServerRequests, PipelinedRequestsThatComeInAnyPiecesAreAnsweredInOrder) {
  TestServer server;
  std::string wire;
  for (uint64_t n = 0; n < 30; ++n) wire += PostEvents(EventNumber(n));
  wire +=
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\n{\"typ\r\n6\r\ne\":\"t\"\r\n2\r\n}\n\r\n0\r\n\r\n";
  wire += Get("/livez", "Connection: close\r\n");
  for (const size_t piece : {1UL, 7UL, 61UL, 1000UL}) {
    HttpClient client = server.Connect();
    for (size_t at = 0; at < wire.size(); at += piece) ASSERT_TRUE(client.Send(wire.substr(at, piece)));
    for (uint64_t n = 0; n < 30; ++n) {
      const auto reply = client.Receive();
      ASSERT_TRUE(reply);
      EXPECT_EQ(reply->body, R"({"status":"accepted","id":"e)" + std::to_string(n) + "\"}");
    }
    const auto batch = client.Receive();
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->body, R"({"accepted":1,"rejected":0,"errors":[]})");
    const auto last = client.Receive();
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->SaysClose());
    EXPECT_TRUE(client.Ended());
    EXPECT_FALSE(client.WasReset());
  }
}

TEST(ServerRequests, NothingIsReadBehindConnectionClose) {
  TestServer server;
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1), "Connection: close\r\n") + PostEvents(EventNumber(2))));
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 202);
  EXPECT_TRUE(reply->SaysClose());
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(server.Accepted(), 1U);
}

TEST(ServerRequests, Http10ClosesUnlessItAsksToStay) {
  TestServer server;
  HttpClient closing = server.Connect();
  const auto first = closing.Ask("GET /livez HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->status, 200);
  EXPECT_TRUE(first->SaysClose());
  EXPECT_TRUE(closing.Ended());

  HttpClient staying = server.Connect();
  for (int i = 0; i < 2; ++i) {
    const auto reply = staying.Ask("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->Header("connection"), "keep-alive");
  }
}

TEST(ServerRequests, HeadAnswersAsGetWithoutTheBody) {
  TestServer server;
  HttpClient client = server.Connect();
  for (const auto target : {"/livez", "/health", "/readyz", "/metrics", "/nothing"}) {
    const auto got = client.Ask(Get(target));
    ASSERT_TRUE(got);
    ASSERT_TRUE(client.Send("HEAD " + std::string(target) + " HTTP/1.1\r\nHost: t\r\n\r\n"));
    const auto head = client.Receive(/*without_body=*/true);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, got->status) << target;
    EXPECT_EQ(head->Header("content-length"), std::to_string(got->body.size())) << target;
  }
}

TEST(ServerRequests, ContinueIsSentWhenTheBodyIsWanted) {
  TestServer server;
  HttpClient client = server.Connect();
  const std::string wire = PostEvents(EventNumber(1), "Expect: 100-continue\r\n");
  const size_t body = wire.find("\r\n\r\n") + 4;
  ASSERT_TRUE(client.Send(wire.substr(0, body)));
  const auto go_on = client.Receive();
  ASSERT_TRUE(go_on);
  EXPECT_EQ(go_on->status, 100);
  EXPECT_TRUE(go_on->headers.empty());
  const auto reply = client.Ask(wire.substr(body));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 202);
  // The body arrived with the header, so 100 Continue is not needed.
  const auto at_once = client.Ask(wire);
  ASSERT_TRUE(at_once);
  EXPECT_EQ(at_once->status, 202);
}

TEST(ServerRequests, ARefusalComesInsteadOfContinue) {
  TestServer server;
  HttpClient client = server.Connect();
  const auto reply = client.Ask(
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n"
      "Content-Length: 1000\r\n\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 415);
  // The server can't know whether the body will follow, so it can't keep the connection.
  EXPECT_TRUE(reply->SaysClose());
  EXPECT_TRUE(client.Ended());
}

TEST(ServerRequests, AnHttp10ClientNeverGetsContinue) {
  TestServer server;
  HttpClient client = server.Connect();
  const std::string body = EventNumber(1);
  ASSERT_TRUE(
      client.Send("POST /events HTTP/1.0\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
                  "Content-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n"));
  EXPECT_TRUE(client.StaysQuiet(50ms));
  const auto reply = client.Ask(body);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 202);
}

TEST(ServerRequests, RefusalsSayWhy) {
  TestServer server;
  HttpClient client = server.Connect();
  struct Case {
    std::string wire;
    int status;
    std::string code;
  };
  for (const Case& one : std::initializer_list<Case>{
           {Get("/"), 404, "not_found"},
           {Get("/events/"), 404, "not_found"},
           {Get("/events"), 405, "method_not_allowed"},
           {"PUT /events HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{}", 405, "method_not_allowed"},
           {"POST /livez HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{}", 405, "method_not_allowed"},
           {"BREW /metrics HTTP/1.1\r\nHost: t\r\n\r\n", 405, "method_not_allowed"},
           {PostEvents("{}", "", "text/plain"), 415, "unsupported_media_type"},
           {"POST /events HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{}", 415, "unsupported_media_type"},
           {PostEvents("{}", "Content-Encoding: gzip\r\n"), 415, "unsupported_encoding"},
           {PostEvents("{}", "Expect: magic\r\n"), 417, "expectation_failed"},
           {PostEvents(""), 400, "malformed_json"},
           {PostEvents("{"), 400, "malformed_json"},
           {PostEvents("{\"type\":\"\xff\"}"), 400, "malformed_json"},
           {PostEvents(std::string(100'000, '[')), 400, "too_deep"},
           {PostEvents("[]"), 422, "empty_batch"},
           {PostEvents("\n\n", "", "application/x-ndjson"), 422, "empty_batch"},
           {PostEvents("{}"), 422, "missing_type"},
           {PostEvents("3"), 422, "not_an_object"},
           {PostEvents(R"({"type":1})"), 422, "wrong_type"},
           {PostEvents(R"({"type":"t","timestamp":"yesterday"})"), 422, "bad_timestamp"},
       }) {
    const auto reply = client.Ask(one.wire);
    ASSERT_TRUE(reply) << one.wire.substr(0, 200);
    EXPECT_EQ(reply->status, one.status) << one.wire.substr(0, 200);
    EXPECT_EQ(CodeOf(*reply), one.code) << one.wire.substr(0, 200);
    EXPECT_EQ(reply->Header("content-type"), "application/problem+json");
    EXPECT_EQ(reply->Header("allow").empty(), one.status != 405) << one.wire;
    EXPECT_FALSE(reply->SaysClose()) << one.wire.substr(0, 200);
  }
  EXPECT_EQ(server.Accepted(), 0U);
}

TEST(ServerRequests, ABatchIsAnsweredEventByEvent) {
  TestServer server;
  HttpClient client = server.Connect();
  const std::string body = R"([{"id":"a\"1","type":"t"},{"id":"b"},{"type":"t"},7])";
  const auto some = client.Ask(PostEvents(body));
  ASSERT_TRUE(some);
  EXPECT_EQ(some->status, 207);
  const auto said = json::parse(some->body);
  EXPECT_EQ(said["accepted"], 2);
  EXPECT_EQ(said["rejected"], 2);
  EXPECT_EQ(said["errors"][0]["index"], 1);
  EXPECT_EQ(said["errors"][0]["id"], "b");
  EXPECT_EQ(said["errors"][0]["code"], "missing_type");
  EXPECT_EQ(said["errors"][1]["index"], 3);
  EXPECT_EQ(said["errors"][1]["code"], "not_an_object");
  EXPECT_FALSE(said.contains("events"));

  const auto listed = client.Ask(PostEvents(body, "Prefer: return=representation\r\n"));
  ASSERT_TRUE(listed);
  const auto events = json::parse(listed->body)["events"];
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["index"], 0);
  EXPECT_EQ(events[0]["id"], "a\"1");
  EXPECT_EQ(events[1]["index"], 2);
  EXPECT_EQ(events[1]["id"].get<std::string>().size(), 36U);
  EXPECT_EQ(listed->Header("preference-applied"), "return=representation");

  const uint64_t before = server.Accepted();
  const auto strict = client.Ask(PostEvents(body, "Prefer: handling=strict\r\n"));
  ASSERT_TRUE(strict);
  EXPECT_EQ(strict->status, 422);
  EXPECT_EQ(json::parse(strict->body)["accepted"], 0);
  EXPECT_EQ(json::parse(strict->body)["rejected"], 4);
  EXPECT_EQ(strict->Header("preference-applied"), "handling=strict");
  EXPECT_EQ(server.Accepted(), before);
}

TEST(ServerRequests, AByteOrderMarkIsNamed) {
  TestServer server;
  HttpClient client = server.Connect();
  for (const std::string_view type : {"application/json", "application/x-ndjson"}) {
    const auto reply = client.Ask(PostEvents("\xef\xbb\xbf" + EventNumber(1), {}, type));
    ASSERT_TRUE(reply);
    EXPECT_GE(reply->status, 400);
    EXPECT_NE(reply->body.find("byte order mark"), std::string::npos) << reply->body;
  }
}

TEST(ServerRequests, ALinesFaultNamesItsPlace) {
  TestServer server;
  HttpClient client = server.Connect();
  const auto reply =
      client.Ask(PostEvents("{\"type\":\"t\"}\n\n{\"type\":\n{\"type\":\"u\"}", "", "application/jsonl"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 207);
  const auto said = json::parse(reply->body);
  EXPECT_EQ(said["accepted"], 2);
  EXPECT_EQ(said["errors"][0]["line"], 3);
  EXPECT_EQ(said["errors"][0]["code"], "malformed_json");
}

TEST(ServerRequests, MoreEventsThanTheLimitAreRefusedWhole) {
  TestServerOptions options;
  options.batch_events_max = 2;
  TestServer server(options);
  HttpClient client = server.Connect();
  const auto reply = client.Ask(PostEvents(R"([{"type":"t"},{"type":"t"},{"type":"t"}])"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 413);
  EXPECT_EQ(CodeOf(*reply), "batch_too_large");
  EXPECT_EQ(server.Accepted(), 0U);
}

TEST(ServerRequests, AnEventTooLargeForItsTopicIsRefusedWithTheTopicAndItsLimit) {
  TestServer server;
  server.TopicLimits().Learn("", "events", 300);
  HttpClient client = server.Connect();
  const std::string large = R"({"type":"t","payload":")" + std::string(300, 'x') + "\"}";
  const auto single = client.Ask(PostEvents(large));
  ASSERT_TRUE(single);
  EXPECT_EQ(single->status, 413);
  EXPECT_EQ(CodeOf(*single), "too_large_for_topic");
  const std::string detail = json::parse(single->body)["detail"];
  EXPECT_TRUE(detail.contains("events") && detail.contains("300")) << detail;

  const auto batch = client.Ask(PostEvents("[" + large + R"(,{"type":"t"}])"));
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->status, 207);
  const auto said = json::parse(batch->body);
  EXPECT_EQ(said["accepted"], 1);
  EXPECT_EQ(said["errors"][0]["index"], 0);
  EXPECT_EQ(said["errors"][0]["code"], "too_large_for_topic");
  EXPECT_EQ(said["errors"][0]["message"], detail);
  EXPECT_EQ(server.Accepted(), 1U);
}

TEST(ServerRequests, AnEventForAStalledPartitionIsRefusedForNow) {
  constexpr std::string_view kForStalled = R"({"id":"stalled","type":"t"})";
  StalledSink sink;
  TestServerOptions options;
  options.sink = &sink;
  options.journal_events_max = 4;
  TestServer server(options);
  HttpClient client = server.Connect();
  EXPECT_EQ(client.Ask(PostEvents(kForStalled)).value().status, 202) << "there is room";
  for (uint64_t n = 0; n < 2; ++n) {
    EXPECT_EQ(client.Ask(PostEvents(EventNumber(n))).value().status, 202) << "its partition accepts events";
  }
  const auto single = client.Ask(PostEvents(kForStalled));
  ASSERT_TRUE(single);
  EXPECT_EQ(single->status, 503);
  EXPECT_EQ(CodeOf(*single), "partition_stuck");
  EXPECT_EQ(single->Header("retry-after"), "5");

  const auto batch = client.Ask(PostEvents("[" + std::string(kForStalled) + R"(,{"type":""}])"));
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->status, 503) << "sent again, the first may be accepted";
  EXPECT_EQ(batch->Header("retry-after"), "5");
  const auto said = json::parse(batch->body);
  EXPECT_EQ(said["accepted"], 0);
  EXPECT_EQ(said["errors"][0]["code"], "partition_stuck");
  EXPECT_EQ(said["errors"][1]["code"], "empty_type");
  EXPECT_EQ(server.Accepted(), 3U);
}

TEST(ServerRequests, TheRateLimitIsReportedBeforeTheBodyIsRead) {
  TestServerOptions options;
  options.rate = 1;
  options.burst = 2;
  TimedServer server(options);
  HttpClient client = server.Connect();
  EXPECT_EQ(client.Ask(PostEvents(EventNumber(1))).value().status, 202);
  EXPECT_EQ(client.Ask(PostEvents(EventNumber(2))).value().status, 202);
  const auto reply = client.Ask(
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 429);
  EXPECT_EQ(CodeOf(*reply), "rate_limited");
  EXPECT_EQ(reply->Header("retry-after"), "1");
  EXPECT_EQ(reply->Header("ratelimit-policy"), R"("service";q=2;w=2;qu="events")");
  EXPECT_EQ(reply->Header("ratelimit"), R"("service";r=0;t=1)");
}

// Alerts depend on these counters, so a rejection must be counted however early it happens.
TEST(ServerRequests, EveryRefusalRaisesTheCounterOfItsCode) {
  TestServerOptions options;
  options.journal_events_max = 1;
  options.http.header_bytes_max = 2048;
  TestServer server(options);
  HttpClient client = server.Connect();
  ASSERT_EQ(client.Ask(PostEvents(EventNumber(1))).value().status, 202);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(client.Ask(PostEvents(EventNumber(2))).value().status, 503);
  ASSERT_EQ(client.Ask(Get("/none")).value().status, 404);
  ASSERT_EQ(client.Ask(PostEvents("x", {}, "text/plain")).value().status, 415);
  ASSERT_EQ(client.Ask(Get("/livez", "X: " + std::string(3000, 'x') + "\r\n")).value().status, 431);
  EXPECT_EQ(
      server.Counts().rejected_requests,
      (std::map<std::string, uint64_t>{
          {"journal_full", 3}, {"not_found", 1}, {"unsupported_media_type", 1}, {"headers_too_large", 1}}));
}

TEST(ServerRequests, AFullJournalIsReportedWithARetryAfter) {
  TestServerOptions options;
  options.journal_events_max = 2;
  TestServer server(options);
  HttpClient client = server.Connect();
  EXPECT_EQ(client.Ask(PostEvents("[" + EventNumber(1) + "," + EventNumber(2) + "]")).value().status, 202);
  for (int i = 0; i < 2; ++i) {  // rejected after the body the first time, before the body from then on
    const auto reply = client.Ask(PostEvents(EventNumber(3)));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 503);
    EXPECT_EQ(CodeOf(*reply), "journal_full");
    EXPECT_GE(std::stoi(reply->Header("retry-after")), 1);
  }
  EXPECT_EQ(server.Accepted(), 2U);
}

TEST(ServerRequests, AClosedIngestAnswersShuttingDown) {
  TestServer server;
  server.Ingest().Close();
  HttpClient client = server.Connect();
  const auto reply = client.Ask(PostEvents(EventNumber(1)));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(CodeOf(*reply), "shutting_down");
  EXPECT_FALSE(reply->Header("retry-after").empty());
  EXPECT_EQ(client.Ask(Get("/livez")).value().status, 200);
}

TEST(ServerRequests, ReadinessReportsItsReason) {
  std::atomic<bool> ready = false;
  TestServerOptions options;
  options.unready_reason = [&] { return ready ? "" : "the \"journal\" is full"; };
  TestServer server(options);
  HttpClient client = server.Connect();
  const auto not_ready = client.Ask(Get("/readyz"));
  ASSERT_TRUE(not_ready);
  EXPECT_EQ(not_ready->status, 503);
  EXPECT_EQ(json::parse(not_ready->body)["detail"], "the \"journal\" is full");
  EXPECT_EQ(not_ready->Header("cache-control"), "no-store");
  ready = true;
  EXPECT_EQ(client.Ask(Get("/readyz")).value().status, 200);
}

TEST(ServerRequests, MetricsComeInTheFormatThatIsAskedFor) {
  TestServerOptions options;
  options.metrics = [](bool openmetrics) { return openmetrics ? "open" : "text"; };
  TestServer server(options);
  HttpClient client = server.Connect();
  const auto text = client.Ask(Get("/metrics"));
  EXPECT_EQ(text.value().body, "text");
  EXPECT_EQ(text->Header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const auto open = client.Ask(Get("/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n"));
  EXPECT_EQ(open.value().body, "open");
  EXPECT_EQ(open->Header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

// A route is found with an absolute target too.
TEST(ServerRequests, AProxyMayWriteTheWholeAddress) {
  TestServer server;
  HttpClient client = server.Connect();
  EXPECT_EQ(client.Ask("GET http://t:80/livez HTTP/1.1\r\nHost: t:80\r\n\r\n").value().status, 200);
}

TEST(ServerRequests, MalformedRequestsAreAnsweredAndTheConnectionClosed) {
  TestServer server;
  for (
      const std::string wire :
      {"nonsense\r\n\r\n", "GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/3.0\r\nHost: t\r\n\r\n",
       "POST /events HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
    HttpClient client = server.Connect();
    ASSERT_TRUE(client.Send(wire + Get("/livez")));
    const auto reply = client.Receive();
    ASSERT_TRUE(reply) << wire;
    EXPECT_EQ(reply->status, 400) << wire;
    EXPECT_EQ(CodeOf(*reply), "malformed_request") << wire;
    EXPECT_TRUE(reply->SaysClose()) << wire;
    EXPECT_TRUE(client.Ended()) << wire;
    EXPECT_FALSE(client.WasReset()) << wire;
  }
}

TEST(ServerRequests, ATooLongTargetNamesTheLimitThatItBroke) {
  TestServerOptions options;
  options.http.header_bytes_max = 64 << 10;
  TestServer server(options);
  HttpClient client = server.Connect();
  const auto reply = client.Ask(Get("/" + std::string(9 << 10, 'x')));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->status == 414 || reply->status == 431) << reply->status;
  EXPECT_EQ(reply->body.find("65536"), std::string::npos) << reply->body;
}

}  // namespace
}  // namespace ei::http
