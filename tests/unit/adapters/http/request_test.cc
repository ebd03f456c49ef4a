#include "adapters/http/request.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/adapters/http/parsed_request.h"

namespace ei::http {
namespace {

Request HeadOf(std::string_view lines, std::string_view first_line = "POST /events HTTP/1.1") {
  ParsedRequest request;
  request.Feed(std::string(first_line) + "\r\nHost: a\r\n" + std::string(lines) + "\r\n");
  EXPECT_TRUE(request.HeaderDone()) << lines;
  return request.Head();
}

TEST(Request, RoutesAreExactPathsWithAnyQuery) {
  EXPECT_EQ(ParseRoute("/events"), Route::kEvents);
  EXPECT_EQ(ParseRoute("/events?"), Route::kEvents);
  EXPECT_EQ(ParseRoute("/events?ack=wal&x=/livez"), Route::kEvents);
  EXPECT_EQ(ParseRoute("/health"), Route::kHealth);
  EXPECT_EQ(ParseRoute("/livez"), Route::kLivez);
  EXPECT_EQ(ParseRoute("/readyz"), Route::kReadyz);
  EXPECT_EQ(ParseRoute("/metrics"), Route::kMetrics);
  for (const auto target : {"", "/", "*", "/event", "/events/", "/eventss", "/EVENTS", "//events",
                            "/./events", "/x/../events", "events", "?/events", "/livez/x", "a:80"}) {
    EXPECT_EQ(ParseRoute(target), Route::kUnknown) << target;
  }
}

// A server must take the absolute form (RFC 9112, section 3.2.2); proxies send it.
TEST(Request, AnAbsoluteTargetLeadsToItsPath) {
  EXPECT_EQ(ParseRoute("http://example.org/events"), Route::kEvents);
  EXPECT_EQ(ParseRoute("http://example.org:8080/livez?x=y"), Route::kLivez);
  EXPECT_EQ(ParseRoute("HTTP://[::1]:8080/metrics"), Route::kMetrics);
  EXPECT_EQ(ParseRoute("http://example.org"), Route::kUnknown);
  EXPECT_EQ(ParseRoute("http://example.org/other/events"), Route::kUnknown);
  EXPECT_EQ(ParseRoute("http://"), Route::kUnknown);
}

TEST(Request, TheAckIsAskedForInTheQuery) {
  for (const auto& [target, level] : std::vector<std::pair<std::string, std::optional<AckLevel>>>{
           {"/events", std::nullopt},
           {"/events?", std::nullopt},
           {"/events?&&", std::nullopt},
           {"/events?x=ack=wal&back=wal&ACK=wal&ackack=wal", std::nullopt},
           {"/events?ack=memory", AckLevel::kMemory},
           {"/events?x=y&ack=wal&z", AckLevel::kWal},
           {"/events?x=?&&ack=broker", AckLevel::kBroker},
           {"/events?a%63k=br%6Fker", AckLevel::kBroker},
           {"http://example.org/events?ack=broker", AckLevel::kBroker}}) {
    const RequestedAck requested = ParseRequestedAck(target);
    EXPECT_TRUE(requested.valid) << target;
    EXPECT_EQ(requested.level, level) << target;
  }
  for (const std::string target :
       {"/events?ack", "/events?ack=", "/events?ack=disk", "/events?ack=WAL", "/events?ack=wal%20",
        "/events?ack=wal=", "/events?ack=%", "/events?ack=%w", "/events?ack=w%61%6",
        "/events?ack=wal&ack=wal", "/events?ack=wal&x=y&ack=memory", "/events?ack=wal&%61ck"}) {
    EXPECT_FALSE(ParseRequestedAck(target).valid) << target;
  }
}

TEST(Request, MediaTypes) {
  for (const auto type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=UTF-8", "application/json; charset=\"utf-8\"",
        "application/json ; charset=utf-8 ; x=y", "application/json;", "application/json; charset=utf8",
        "application/json; charset=\"UTF8\"", "application/json; charset=us-ascii",
        R"(application/json; profile="a;charset=latin1")",
        R"(application/json; p="\";charset=latin1"; charset=utf-8)", "\tapplication/json "}) {
    EXPECT_EQ(ParseMediaType(type), MediaType::kJson) << type;
  }
  for (const auto type :
       {"application/x-ndjson", "application/jsonl", "APPLICATION/X-NDJSON; charset=utf-8"}) {
    EXPECT_EQ(ParseMediaType(type), MediaType::kNdjson) << type;
  }
  for (const auto type : {"", "text/plain", "application/jsonp", "application/json2", "xapplication/json",
                          "application/problem+json", "application/json, text/plain", "json", "*/*",
                          "application/json; charset=latin1", "application/json; charset=utf-16",
                          "application/x-ndjson; charset=iso-8859-1", "multipart/form-data; boundary=x"}) {
    EXPECT_EQ(ParseMediaType(type), MediaType::kUnknown) << type;
  }
}

TEST(Request, TraceparentAndRequestIdAreReadOrSkipped) {
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(HeadOf("Traceparent: " + trace + "\r\n").traceparent, trace);
  EXPECT_EQ(HeadOf("traceparent: nonsense\r\n").traceparent, "");
  EXPECT_EQ(HeadOf("x-request-id: abc\r\n").request_id, "abc");
  EXPECT_EQ(HeadOf("X-Request-ID: a b\r\n").request_id, "");
}

TEST(Request, RequestIdsThatCanBeUsedInJsonAndHeaders) {
  EXPECT_TRUE(IsRequestId("a"));
  EXPECT_TRUE(IsRequestId("0190c9d2-7b1c-7f00-8000-000000000000"));
  EXPECT_TRUE(IsRequestId("!#$%&'()*+,-./:;<=>?@[]^_`{|}~"));
  EXPECT_TRUE(IsRequestId(std::string(128, 'x')));
  EXPECT_FALSE(IsRequestId(std::string(129, 'x')));
  for (const std::string_view id :
       {"", " ", "a b", "a\tb", "a\"b", "a\\b", "a\x7f", "\xc3\xa9", "a\r\nX: y"}) {
    EXPECT_FALSE(IsRequestId(id)) << id;
  }
  EXPECT_FALSE(IsRequestId(std::string_view("a\0b", 3)));
}

TEST(Request, Preferences) {
  struct Case {
    std::string lines;
    bool strict;
    bool representation;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"", false, false},
           {"Prefer: handling=strict\r\n", true, false},
           {"Prefer: handling=lenient\r\n", false, false},
           {"Prefer: return=representation\r\n", false, true},
           {"Prefer: return=minimal\r\n", false, false},
           {"Prefer: Handling=Strict\r\n", true, false},
           {"Prefer: respond-async, handling=strict, wait=10\r\n", true, false},
           {"Prefer: handling=strict,return=representation\r\n", true, true},
           {"Prefer: handling=strict\r\nPrefer: return=representation\r\n", true, true},
           {"Prefer: handling=strict; x=y , return=representation;z\r\n", true, true},
           {"Prefer: handling=stricter\r\n", false, false},
           {"Prefer: xhandling=strict\r\n", false, false},
           {"Prefer: ,,,\r\n", false, false},
           {"Prefer:\r\n", false, false},
           {"Prefer: handling = strict\r\n", true, false},
           {"Prefer: handling=\"strict\"\r\n", true, false},
       }) {
    const Request request = HeadOf(one.lines);
    EXPECT_EQ(request.handling_strict, one.strict) << one.lines;
    EXPECT_EQ(request.representation, one.representation) << one.lines;
  }
}

TEST(Request, ConnectionsStayOpenAsTheVersionAndHeaderSay) {
  EXPECT_TRUE(HeadOf("").keep_alive);
  EXPECT_FALSE(HeadOf("Connection: close\r\n").keep_alive);
  EXPECT_FALSE(HeadOf("Connection: Close\r\n").keep_alive);
  EXPECT_FALSE(HeadOf("Connection: x, close\r\n").keep_alive);
  EXPECT_TRUE(HeadOf("Connection: keep-alive\r\n").keep_alive);
  EXPECT_FALSE(HeadOf("", "GET /livez HTTP/1.0").keep_alive);
  EXPECT_TRUE(HeadOf("Connection: keep-alive\r\n", "GET /livez HTTP/1.0").keep_alive);
  EXPECT_TRUE(HeadOf("", "GET /livez HTTP/1.0").http_1_0);
}

TEST(Request, Expectations) {
  EXPECT_FALSE(HeadOf("").expects_continue);
  EXPECT_TRUE(HeadOf("Expect: 100-continue\r\n").expects_continue);
  EXPECT_TRUE(HeadOf("Expect: 100-Continue\r\n").expects_continue);
  EXPECT_TRUE(HeadOf("Expect: something\r\n").unknown_expectation);
  EXPECT_TRUE(HeadOf("Expect: something\r\nExpect:\r\n").unknown_expectation);
  EXPECT_FALSE(HeadOf("Expect:\r\n").unknown_expectation);
  EXPECT_FALSE(HeadOf("Expect: \r\n").expects_continue);
  // A server must ignore it in HTTP/1.0 (RFC 9110, section 10.1.1).
  EXPECT_FALSE(HeadOf("Expect: 100-continue\r\n", "POST /events HTTP/1.0").expects_continue);
}

TEST(Request, AnyContentEncodingButIdentityIsSeenOnAnyLine) {
  EXPECT_FALSE(HeadOf("").encoded);
  EXPECT_FALSE(HeadOf("Content-Encoding: identity\r\n").encoded);
  EXPECT_FALSE(HeadOf("Content-Encoding: Identity\r\n").encoded);
  EXPECT_FALSE(HeadOf("Content-Encoding:\r\n").encoded);
  EXPECT_FALSE(HeadOf("Content-Encoding: , identity,\r\n").encoded);
  EXPECT_TRUE(HeadOf("Content-Encoding: ,gzip\r\n").encoded);
  EXPECT_TRUE(HeadOf("Content-Encoding: gzip\r\n").encoded);
  EXPECT_TRUE(HeadOf("Content-Encoding: identity, gzip\r\n").encoded);
  EXPECT_TRUE(HeadOf("Content-Encoding: identity\r\nContent-Encoding: gzip\r\n").encoded);
  EXPECT_TRUE(HeadOf("Content-Encoding: gzip\r\nContent-Encoding: identity\r\n").encoded);
}

TEST(Request, AttributesOfCloudEventsAreSeenInHeadersAndMediaTypes) {
  for (const std::string line :
       {"ce-specversion: 1.0\r\n", "CE-ID: 1\r\n", "Ce-Extension: x\r\n", "ce-: \r\n"}) {
    EXPECT_TRUE(HeadOf(line).cloud_event) << line;
  }
  for (const std::string line :
       {"", "c: 1\r\n", "ce: 1\r\n", "cex: 1\r\n", "X-ce-id: 1\r\n", "ce_id: 1\r\n"}) {
    EXPECT_FALSE(HeadOf(line).cloud_event) << line;
  }
  for (const auto type : {"application/cloudevents+json", "Application/CloudEvents-Batch+JSON; charset=utf-8",
                          "application/cloudevents+avro", "application/cloudevents"}) {
    EXPECT_EQ(ParseMediaType(type), MediaType::kCloudEvents) << type;
  }
  EXPECT_EQ(ParseMediaType("application/cloud"), MediaType::kUnknown);
}

TEST(Request, OpenMetricsIsRecognizedAnywhereInAccept) {
  EXPECT_FALSE(HeadOf("").accepts_openmetrics);
  EXPECT_FALSE(HeadOf("Accept: */*\r\n").accepts_openmetrics);
  EXPECT_TRUE(HeadOf("Accept: text/plain;q=0.5, application/openmetrics-text;version=1.0.0;q=0.8\r\n")
                  .accepts_openmetrics);
  EXPECT_TRUE(HeadOf("Accept: application/openmetrics-text\r\nAccept: text/plain\r\n").accepts_openmetrics);
}

TEST(Request, TwoMediaTypesAreNotOne) {
  EXPECT_EQ(HeadOf("Content-Type: text/plain\r\nContent-Type: application/json\r\n").media_type,
            MediaType::kUnknown);
  EXPECT_EQ(HeadOf("Content-Type: application/json\r\nContent-Type: application/x-ndjson\r\n").media_type,
            MediaType::kUnknown);
}

}  // namespace
}  // namespace ei::http
