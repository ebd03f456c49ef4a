// The limits of a reply, and the memory that is charged while its client doesn't read it.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using nlohmann::json;

constexpr size_t kLargeReply = 24 << 20;  // more than the buffers of two sockets hold

std::string Faults(int count) {
  std::string events = "[0";
  for (int i = 1; i < count; ++i) events += ",0";
  return events + "]";
}

TestServerOptions LargeReplies(ClientShares* shares = nullptr) {
  TestServerOptions options;
  options.metrics = [](bool) { return std::string(kLargeReply, 'm'); };
  options.http.inflight_bytes_max = 4 * kLargeReply;
  options.shares = shares;
  return options;
}

void ExpectAHundredListed(const json& said, int rejected) {
  EXPECT_EQ(said["rejected"], rejected);
  EXPECT_EQ(said["errors"].size(), 100U);
  EXPECT_EQ(said.value("errors_omitted", 0), rejected - 100);
}

TEST(ServerReplies, OfManyErrorsTheFirstHundredAreListedAndTheOthersCounted) {
  TestServer server;
  HttpClient client = server.Connect();
  for (const int faults : {100, 101, 10'000}) {
    const auto reply = client.Ask(PostEvents(Faults(faults)));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 422);
    const json said = json::parse(reply->body);
    ExpectAHundredListed(said, faults);
    EXPECT_EQ(said["errors"].back()["index"], 99);
  }
}

TEST(ServerReplies, WithAcceptedEventsAHundredErrorsAreListedToo) {
  TestServer server;
  HttpClient client = server.Connect();
  const auto reply = client.Ask(PostEvents("[" + EventNumber(1) + "," + Faults(150).substr(1)));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 207);
  const json said = json::parse(reply->body);
  EXPECT_EQ(said["accepted"], 1);
  ExpectAHundredListed(said, 150);
}

TEST(ServerReplies, DeadLettersCountAmongTheHundred) {
  TestServerOptions options;
  options.ingest.ack = AckLevel::kBroker;
  TestServer server(options);
  HttpClient client = server.Connect();
  std::string batch = Faults(90);
  std::vector<support::EventResult> settled;
  batch.pop_back();
  for (uint64_t n = 0; n < 30; ++n) {
    batch += "," + EventNumber(n);
    settled.push_back({n, {n < 20 ? "message_too_large" : "", "events", 0, 0}});
  }
  ASSERT_TRUE(client.Send(PostEvents(batch + "]")));
  ASSERT_TRUE(Eventually([&] { return server.Http().WaitingRequests() == 1; }));
  server.Settle(settled);
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  const json said = json::parse(reply->body);
  EXPECT_EQ(said["accepted"], 10);
  ExpectAHundredListed(said, 110);
}

TEST(ServerReplies, AnIdThatIsTooLongIsLeftOut) {
  TestServer server;
  HttpClient client = server.Connect();
  for (const size_t size : {2048UL, 2049UL}) {
    const auto reply = client.Ask(PostEvents(R"([{"id":")" + std::string(size, 'i') + R"("}])"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(json::parse(reply->body)["errors"][0].contains("id"), size == 2048U);
  }
}

TEST(ServerReplies, WhatAWaitingRequestKeepsIsChargedUntilItIsAnswered) {
  constexpr size_t kEvents = 1000;
  std::string batch;
  std::vector<support::EventResult> settled;
  for (uint64_t n = 0; n < kEvents; ++n) {
    batch += R"({"type":"t","id":")" + std::to_string(n) + std::string(200, 'i') + "\"}\n";
    settled.push_back({n, {"", "events", 0, 0}});
  }
  TestServerOptions options;
  options.ingest.ack = AckLevel::kBroker;
  // With the second limit there is room for the body, but not for the body and the data for its reply.
  for (const size_t bytes_max : {10 * batch.size(), batch.size() * 5 / 4}) {
    SCOPED_TRACE(bytes_max);
    options.http.inflight_bytes_max = bytes_max;
    TestServer server(options);
    HttpClient client = server.Connect();
    ASSERT_TRUE(client.Send(PostEvents(batch, "", "application/x-ndjson")));
    ASSERT_TRUE(Eventually([&] { return server.Http().WaitingRequests() == 1; }));
    // Its body may be freed meanwhile.
    EXPECT_GE(server.Http().InflightBytes(), kEvents * 200);
    EXPECT_TRUE(Eventually([&] { return server.Http().InflightBytes() < bytes_max; }));
    server.Settle(settled);
    const auto reply = client.Receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(json::parse(reply->body)["accepted"], kEvents);
    client.Close();
    EXPECT_TRUE(server.NoBytesAreHeld()) << server.Http().InflightBytes();
  }
}

TEST(ServerReplies, WhatItsClientDoesNotTakeIsChargedUntilItDoes) {
  ClientShares::Options shared;
  shared.capacities[static_cast<size_t>(ei::Shared::kReadBytes)] = 4 * kLargeReply;
  ClientShares shares(shared);
  TestServer server(LargeReplies(&shares));
  HttpClient client = server.Connect(/*buffer_bytes=*/8192);
  ASSERT_TRUE(client.Send(Get("/metrics")));
  ASSERT_TRUE(Eventually([&] { return server.Http().InflightBytes() > kLargeReply / 2; }));
  EXPECT_TRUE(Eventually([&] { return shares.LargestPart(ei::Shared::kReadBytes) > 0.125; }))
      << "it is charged to its client, not only to the total";
  EXPECT_EQ(client.Receive().value().body.size(), kLargeReply);
  EXPECT_TRUE(server.NoBytesAreHeld());
  EXPECT_TRUE(Eventually([&] { return shares.LargestPart(ei::Shared::kReadBytes) == 0; }));
  EXPECT_EQ(client.Ask(Get("/livez")).value().status, 200);
}

TEST(ServerReplies, OneThatTheMemoryForRequestsHasNoRoomForIsDroppedWithItsConnection) {
  TestServerOptions options = LargeReplies();
  options.http.inflight_bytes_max = 2 << 20;
  TestServer server(options);
  HttpClient deaf = server.Connect(/*buffer_bytes=*/8192);
  ASSERT_TRUE(deaf.Send(Get("/metrics")));
  ASSERT_TRUE(Eventually([&] { return server.Counts().dropped_connections.contains("unread"); }));
  EXPECT_LT(deaf.ReceiveToEnd().size(), kLargeReply);
  EXPECT_TRUE(server.NoBytesAreHeld());
  EXPECT_EQ(server.Connect().Ask(Get("/livez")).value().status, 200);
}

TEST(ServerReplies, AFloodThatTakesNoRepliesLeavesTheMemoryOfOthersAlone) {
  ClientShares::Options shared;
  shared.capacities[static_cast<size_t>(ei::Shared::kReadBytes)] = 4 * kLargeReply;
  ClientShares shares(shared);
  TestServer server(LargeReplies(&shares));
  HttpClient small_client = server.ConnectFrom(2);
  ASSERT_EQ(small_client.Ask(PostEvents(EventNumber(1))).value().status, 202);
  std::vector<HttpClient> deaf;
  for (int i = 0; i < 8; ++i) {
    deaf.push_back(server.ConnectFrom(3));
    ASSERT_TRUE(deaf.back().Send(Get("/metrics")));
  }
  ASSERT_TRUE(Eventually([&] { return server.Counts().dropped_connections.contains("unread"); }));
  EXPECT_EQ(
      small_client.Ask(PostEvents(R"({"type":"t","p":")" + std::string(900'000, 'x') + "\"}")).value().status,
      202);
}

}  // namespace
}  // namespace ei::http
