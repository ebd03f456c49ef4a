#include "adapters/http/reply.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "event/validation.h"

namespace ei::http {
namespace {

using std::chrono::system_clock;

TEST(HttpDate, IsAlwaysOfTheSameForm) {
  const auto at = [](int64_t seconds) {
    return FormatHttpDate(system_clock::time_point(std::chrono::seconds(seconds)));
  };
  EXPECT_EQ(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");  // the example of RFC 9110
  EXPECT_EQ(at(1709164799), "Wed, 28 Feb 2024 23:59:59 GMT");
  EXPECT_EQ(at(1709164800), "Thu, 29 Feb 2024 00:00:00 GMT");
  EXPECT_EQ(at(1798761599), "Thu, 31 Dec 2026 23:59:59 GMT");
}

TEST(Reply, AcceptedOnTheWire) {
  Reply reply;
  reply.status = 202;
  reply.headers = "Event-Ack: memory\r\n";
  reply.body = R"({"status":"accepted","id":"1"})";
  std::string wire;
  WireOptions options;
  options.date = "Thu, 01 Jan 1970 00:00:00 GMT";
  options.request_id = "r-1";
  AppendToWire(wire, reply, options);
  EXPECT_EQ(wire,
            "HTTP/1.1 202 Accepted\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Request-ID: r-1\r\n"
            "Content-Type: application/json\r\nEvent-Ack: memory\r\nContent-Length: 30\r\n\r\n"
            R"({"status":"accepted","id":"1"})");
}

TEST(Reply, ConnectionHeaderSaysWhatHappens) {
  const auto wire = [](bool close, bool keep_alive) {
    WireOptions options;
    options.close = close;
    options.keep_alive = keep_alive;
    std::string out;
    AppendToWire(out, Reply(), options);
    return out;
  };
  EXPECT_EQ(wire(false, false).find("Connection"), std::string::npos);
  EXPECT_NE(wire(true, false).find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_NE(wire(false, true).find("\r\nConnection: keep-alive\r\n"), std::string::npos);
  const std::string both = wire(true, true);
  EXPECT_NE(both.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_EQ(both.find("keep-alive"), std::string::npos);
}

TEST(Reply, HeadHasTheLengthAndNoBody) {
  Reply reply;
  reply.status = 200;
  reply.body = "0123456789";
  WireOptions options;
  options.head = true;
  std::string wire;
  AppendToWire(wire, reply, options);
  EXPECT_TRUE(wire.ends_with("Content-Length: 10\r\n\r\n")) << wire;
}

TEST(Reply, RepliesAreAppendedToWhatIsThere) {
  Reply reply;
  std::string wire = "before";
  AppendToWire(wire, reply, {});
  EXPECT_TRUE(wire.starts_with("beforeHTTP/1.1 500 Internal Server Error\r\n")) << wire;
}

TEST(Reply, NothingIsLeftAfterClear) {
  Reply reply;
  reply.Refuse(problems::kRateLimited, "x", std::chrono::seconds(3));
  reply.AddHeader("A", "b");
  reply.Clear();
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.content_type, "application/json");
  EXPECT_TRUE(reply.headers.empty());
  EXPECT_TRUE(reply.body.empty());
  EXPECT_TRUE(reply.code.empty());
}

TEST(Problem, EveryOneIsAProblemDocumentWithItsOwnCode) {
  std::set<std::string> codes;
  for (const Problem& problem : problems::kAll) {
    Reply reply;
    reply.Refuse(problem, "the \"detail\" of it", std::chrono::seconds(7));
    const auto body = nlohmann::json::parse(reply.body);
    EXPECT_EQ(body["type"], problem.type);
    EXPECT_EQ(body["status"], problem.status);
    EXPECT_EQ(body["code"], std::string(problem.code));
    EXPECT_EQ(body["title"], std::string(problem.title));
    EXPECT_EQ(body["detail"], "the \"detail\" of it");
    EXPECT_EQ(reply.content_type, "application/problem+json");
    EXPECT_EQ(reply.headers, "Retry-After: 7\r\n");
    EXPECT_EQ(reply.code, problem.code);
    EXPECT_NE(ReasonPhrase(problem.status), "Unknown") << problem.status;
    codes.insert(std::string(problem.code));
  }
  EXPECT_EQ(codes.size(), problems::kAll.size());
}

TEST(Problem, WhatExplainsAnEventsFaultNeedsNoEscapeButQuotes) {
  for (const FaultRow& row : kEventFaults) {
    const std::string detail = ei::Explain(row.fault, {});
    std::string body;
    AppendProblem(body, {422, row.code, "t"}, detail);
    EXPECT_EQ(nlohmann::json::parse(body)["detail"], detail);
  }
}

}  // namespace
}  // namespace ei::http
