// Requests that wait for their ack. The test sets the journal's durable end and the results of events.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <future>
#include <thread>

#include "unit/adapters/http/loop_gate.h"
#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TestServerOptions Options(AckLevel ack, bool has_wal = true) {
  TestServerOptions options;
  options.ingest.ack = ack;
  options.ingest.has_wal = has_wal;
  options.http.ack_timeout = 30s;
  return options;
}

std::string PostTo(std::string_view target, std::string_view body, std::string_view headers = {},
                   std::string_view type = "application/json") {
  std::string request = PostEvents(body, headers, type);
  return request.replace(request.find("/events"), 7, target);
}

template <typename Server>
void AwaitWaiting(Server& server, size_t requests) {
  ASSERT_TRUE(Eventually([&] { return server.Http().WaitingRequests() == requests; }))
      << server.Http().WaitingRequests() << " wait";
}

support::EventResult Delivered(uint64_t position) { return support::EventSettler::Delivered(position); }
support::EventResult DeadLettered(uint64_t position) { return support::EventSettler::DeadLettered(position); }

// --- choice of the level

TEST(ServerAcks, TheReplyNamesTheLevelThatWasGiven) {
  TestServerOptions options = Options(AckLevel::kWal);
  options.ingest.ack_min = AckLevel::kWal;
  TestServer server(options);
  server.Journal().MoveDurableEnd(1'000);
  HttpClient client = server.Connect();
  for (const std::string target : {"/events", "/events?ack=wal", "/events?ack=memory"}) {
    const auto reply = client.Ask(PostTo(target, EventNumber(1)));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202) << target;
    EXPECT_EQ(reply->Header("event-ack"), "wal") << target;
    EXPECT_EQ(reply->body, R"({"status":"accepted","id":"e1"})");
  }
}

TEST(ServerAcks, ALevelThatCantBeGivenIsRefusedBeforeTheBody) {
  TestServer server(Options(AckLevel::kMemory, /*has_wal=*/false));
  for (const auto& [target, code] :
       {std::pair<std::string, std::string>{"/events?ack=wal", "ack_unavailable"},
        {"/events?ack=disk", "invalid_ack"},
        {"/events?ack=wal&ack=wal", "invalid_ack"}}) {
    HttpClient client = server.Connect();
    const auto reply = client.Ask("POST " + target +
                                  " HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n");
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 400);
    EXPECT_EQ(json::parse(reply->body)["code"], code);
  }
  EXPECT_EQ(server.Counts().received, 0U);
}

// --- level wal

TEST(ServerAcks, AReplyOfLevelWalComesWithTheDurableEndAndNoEarlier) {
  TestServer server(Options(AckLevel::kWal));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents("[" + EventNumber(1) + "," + EventNumber(2) + "]")));
  AwaitWaiting(server, 1);
  server.Journal().MoveDurableEnd(1);
  EXPECT_TRUE(client.StaysQuiet(200ms)) << "one of its two events is not durable";
  server.Journal().MoveDurableEnd(2);
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 202);
  EXPECT_EQ(reply->Header("event-ack"), "wal");
  EXPECT_EQ(json::parse(reply->body)["accepted"], 2);
  AwaitWaiting(server, 0);
}

TEST(ServerAcks, ThoseThatAreDueAreAnsweredInOneTurn) {
  LoopGate gate;
  TestServerOptions options = Options(AckLevel::kWal);
  options.metrics = [&](bool) { return gate.Pass(); };
  TestServer server(options);
  std::vector<HttpClient> clients;
  for (uint64_t i = 0; i < 50; ++i) {
    clients.push_back(server.Connect());
    ASSERT_TRUE(clients.back().Send(PostEvents(EventNumber(i))));
    AwaitWaiting(server, i + 1);
  }
  HttpClient holding = server.Connect();
  ASSERT_TRUE(holding.Send(Get("/metrics")));
  gate.AwaitWaiting(1);
  for (uint64_t end = 1; end <= 40; ++end) server.Journal().MoveDurableEnd(end);
  gate.Open();
  for (size_t i = 0; i < 40; ++i) EXPECT_EQ(clients[i].Receive().value().status, 202) << i;
  AwaitWaiting(server, 10);
  EXPECT_TRUE(clients[40].StaysQuiet(100ms));
  server.Journal().MoveDurableEnd(50);
  for (size_t i = 40; i < 50; ++i) EXPECT_EQ(clients[i].Receive().value().status, 202) << i;
}

// The durable end moves while requests begin to wait. Each request must be answered, in either order.
TEST(ServerAcks, NoAckIsLostBetweenTheJournalAndTheLoop) {
  TestServer server(Options(AckLevel::kWal));
  std::atomic<bool> stop{false};
  std::thread journal([&] {
    uint64_t end = 0;
    while (!stop) {
      const uint64_t accepted = server.Accepted();
      if (accepted == end) continue;
      server.Journal().MoveDurableEnd(end = accepted);
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      HttpClient client = server.Connect();
      for (uint64_t i = 0; i < 1'000; ++i) {
        const auto reply = client.Ask(PostEvents(EventNumber(i)));
        ASSERT_TRUE(reply) << c << " " << i;
        ASSERT_EQ(reply->status, 202);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  stop = true;
  journal.join();
  EXPECT_EQ(server.Http().WaitingRequests(), 0U);
}

TEST(ServerAcks, WhatIsPipelinedBehindAWaitingRequestIsAnsweredAfterIt) {
  TestServer server(Options(AckLevel::kWal));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(Get("/livez") + PostEvents(EventNumber(1)) +
                          PostTo("/events?ack=memory", EventNumber(2)) + PostEvents(EventNumber(3)) +
                          Get("/livez")));
  ASSERT_EQ(client.Receive().value().body, R"({"status":"alive"})")
      << "it does not wait for the requests behind it";
  AwaitWaiting(server, 1);
  EXPECT_EQ(server.Accepted(), 1U);
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(4))));
  EXPECT_TRUE(client.StaysQuiet(100ms));
  server.Journal().MoveDurableEnd(1);
  EXPECT_EQ(json::parse(client.Receive().value().body)["id"], "e1");
  EXPECT_EQ(json::parse(client.Receive().value().body)["id"], "e2");
  AwaitWaiting(server, 1);
  server.Journal().MoveDurableEnd(3);
  EXPECT_EQ(json::parse(client.Receive().value().body)["id"], "e3");
  EXPECT_EQ(client.Receive().value().body, R"({"status":"alive"})");
  AwaitWaiting(server, 1);
  server.Journal().MoveDurableEnd(4);
  EXPECT_EQ(json::parse(client.Receive().value().body)["id"], "e4");
}

TEST(ServerAcks, ARequestThatComesWhileAnotherWaitsIsReadLater) {
  TestServer server(Options(AckLevel::kWal));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1))));
  AwaitWaiting(server, 1);
  std::string later;
  for (uint64_t i = 2; i <= 200; ++i) later += PostTo("/events?ack=memory", EventNumber(i));
  ASSERT_TRUE(client.Send(later));
  EXPECT_TRUE(client.StaysQuiet(100ms));
  EXPECT_EQ(server.Accepted(), 1U);
  server.Journal().MoveDurableEnd(1);
  for (uint64_t i = 1; i <= 200; ++i) ASSERT_EQ(client.Receive().value().status, 202) << i;
}

TEST(ServerAcks, AFailedJournalIsReportedToWaitingRequestsAndTheirConnectionsEnd) {
  TestServer server(Options(AckLevel::kWal));
  HttpClient due = server.Connect();
  ASSERT_TRUE(due.Send(PostEvents(EventNumber(1))));
  AwaitWaiting(server, 1);
  HttpClient lost = server.Connect();
  ASSERT_TRUE(lost.Send(PostEvents(EventNumber(2))));
  AwaitWaiting(server, 2);
  server.Journal().MoveDurableEnd(1);
  server.Journal().Fail();
  EXPECT_EQ(due.Receive().value().status, 202);
  const auto reply = lost.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(json::parse(reply->body)["code"], "storage_failed");
  EXPECT_TRUE(reply->SaysClose());
  EXPECT_TRUE(lost.Ended());
  EXPECT_EQ(due.Ask(PostEvents(EventNumber(3))).value().status, 503);
}

// --- level broker

TEST(ServerAcks, AReplyOfLevelBrokerComesWithTheResultOfTheEvent) {
  TestServer server(Options(AckLevel::kBroker, false));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1))));
  AwaitWaiting(server, 1);
  server.Journal().MoveDurableEnd(1);
  EXPECT_TRUE(client.StaysQuiet(100ms));
  server.Settle({Delivered(0)});
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->Header("event-ack"), "broker");
  EXPECT_EQ(reply->body, R"({"status":"accepted","id":"e1"})");
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(2), "Prefer: return=representation\r\n")));
  AwaitWaiting(server, 1);
  server.Settle({Delivered(1)});
  EXPECT_EQ(client.Receive().value().body,
            R"({"status":"accepted","id":"e2","topic":"events","partition":3,"offset":101})");
}

TEST(ServerAcks, ADeadLetteredEventIsRefusedWithItsCode) {
  TestServer server(Options(AckLevel::kBroker, false));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1))));
  AwaitWaiting(server, 1);
  server.Settle({DeadLettered(0)});
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 422);
  EXPECT_EQ(reply->Header("content-type"), "application/problem+json");
  const json problem = json::parse(reply->body);
  EXPECT_EQ(problem["code"], "message_too_large");
  EXPECT_NE(problem["detail"].get<std::string>().find("dead-letter topic"), std::string::npos);
  EXPECT_FALSE(reply->SaysClose());
}

TEST(ServerAcks, ABatchReportsTheResultOfEachEvent) {
  TestServer server(Options(AckLevel::kBroker, false));
  HttpClient client = server.Connect();
  const std::string batch =
      "[" + EventNumber(0) + R"(,{"id":"bad"},)" + EventNumber(2) + "," + EventNumber(3) + "]";
  ASSERT_TRUE(client.Send(PostEvents(batch, "Prefer: return=representation\r\n")));
  AwaitWaiting(server, 1);
  server.Settle({Delivered(2), DeadLettered(1)});
  server.Settle({Delivered(0)});
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 207);
  EXPECT_EQ(reply->Header("event-ack"), "broker");
  const json body = json::parse(reply->body);
  EXPECT_EQ(body["accepted"], 2);
  EXPECT_EQ(body["rejected"], 2);
  ASSERT_EQ(body["errors"].size(), 2U);
  EXPECT_EQ(body["errors"][0]["index"], 1);
  EXPECT_EQ(body["errors"][0]["code"], "missing_type");
  EXPECT_EQ(body["errors"][1]["index"], 2);
  EXPECT_EQ(body["errors"][1]["id"], "e2");
  EXPECT_EQ(body["errors"][1]["code"], "message_too_large");
  EXPECT_EQ(body["events"], json::parse(R"([{"index":0,"id":"e0","topic":"events","partition":3,"offset":100},
                                            {"index":3,"id":"e3","topic":"events","partition":3,"offset":102}])"));
}

TEST(ServerAcks, ABatchIsWholeOrNothingOfItWasDelivered) {
  TestServer server(Options(AckLevel::kBroker, false));
  HttpClient client = server.Connect();
  const std::string batch = EventNumber(0) + "\n" + EventNumber(1);
  ASSERT_TRUE(client.Send(PostEvents(batch, {}, "application/x-ndjson")));
  AwaitWaiting(server, 1);
  server.Settle({Delivered(0), Delivered(1)});
  const auto whole = client.Receive();
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->status, 200);
  EXPECT_EQ(whole->body, R"({"accepted":2,"rejected":0,"errors":[]})");
  ASSERT_TRUE(client.Send(PostEvents(batch, {}, "application/x-ndjson")));
  AwaitWaiting(server, 1);
  server.Settle({DeadLettered(2), DeadLettered(3)});
  const auto nothing = client.Receive();
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->status, 422);
  EXPECT_EQ(json::parse(nothing->body)["accepted"], 0);
  EXPECT_EQ(json::parse(nothing->body)["errors"].size(), 2U);
}

TEST(ServerAcks, ASinkWithoutPlacesNamesNone) {
  TestServer server(Options(AckLevel::kBroker, false));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents("[" + EventNumber(1) + "]", "Prefer: return=representation\r\n")));
  AwaitWaiting(server, 1);
  server.Settle({{.position = 0, .result = {}}});
  EXPECT_EQ(json::parse(client.Receive().value().body)["events"], json::parse(R"([{"index":0,"id":"e1"}])"));
}

TEST(ServerAcks, ARequestThatIsRefusedDoesNotWait) {
  TestServerOptions options = Options(AckLevel::kBroker, false);
  options.journal_events_max = 1;
  TestServer server(options);
  HttpClient client = server.Connect();
  EXPECT_EQ(client.Ask(PostEvents(R"({"id":"no type"})")).value().status, 422);
  EXPECT_EQ(client.Ask(PostEvents("[" + EventNumber(1) + "," + EventNumber(2) + "]")).value().status, 413);
  EXPECT_EQ(client.Ask(PostEvents("[]")).value().status, 422);
  EXPECT_EQ(client.Ask(PostEvents("[")).value().status, 400);
  EXPECT_EQ(server.Http().WaitingRequests(), 0U);
}

}  // namespace
}  // namespace ei::http
