// The ways in which a wait for an ack can end without the ack.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <atomic>
#include <future>
#include <thread>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TestServerOptions Options(AckLevel ack) {
  TestServerOptions options;
  options.ingest.ack = ack;
  options.ingest.has_wal = ack == AckLevel::kWal;
  options.http.ack_timeout = 30s;
  return options;
}

template <typename Server>
void AwaitWaiting(Server& server, size_t requests) {
  ASSERT_TRUE(Eventually([&] { return server.Http().WaitingRequests() == requests; }))
      << server.Http().WaitingRequests() << " wait";
}

class ServerWaits : public testing::TestWithParam<AckLevel> {
 protected:
  // Acknowledges all events so far.
  template <typename Server>
  void Ack(Server& server) {
    const uint64_t end = server.Counts().accepted;
    std::vector<support::EventResult> results;
    for (uint64_t position = 0; position < end; ++position) results.push_back({position, {}});
    server.Settle(results);
    server.Journal().MoveDurableEnd(end);
  }
};

INSTANTIATE_TEST_SUITE_P(Levels, ServerWaits, testing::Values(AckLevel::kWal, AckLevel::kBroker),
                         [](const auto& level) { return std::string(Name(level.param)); });

TEST_P(ServerWaits, AnAckThatIsLateIsA504WithTheIds) {
  TimedServer server(Options(GetParam()));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(7))));
  AwaitWaiting(server, 1);
  server.Clock().Advance(29s);
  EXPECT_TRUE(client.StaysQuiet(300ms));
  server.Clock().Advance(2s);
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 504);
  const json problem = json::parse(reply->body);
  EXPECT_EQ(problem["code"], "ack_timeout");
  EXPECT_EQ(problem["ids"], json::parse(R"(["e7"])"));
  EXPECT_EQ(server.Http().WaitingRequests(), 0U);
  EXPECT_EQ(server.Counts().ack_timeouts, 1U);
  EXPECT_EQ(server.Counts().accepted, 1U);

  // The connection continues, and the late ack belongs to no request.
  Ack(server);
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(8))));
  AwaitWaiting(server, 1);
  EXPECT_TRUE(client.StaysQuiet(100ms));
  Ack(server);
  const auto next = client.Receive();
  ASSERT_TRUE(next);
  EXPECT_EQ(json::parse(next->body)["id"], "e8");
}

TEST_P(ServerWaits, AClientThatResetsIsForgottenSoon) {
  TestServer server(Options(GetParam()));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1))));
  AwaitWaiting(server, 1);
  client.Abort();
  AwaitWaiting(server, 0);
  EXPECT_TRUE(server.NoConnectionIsLeft());
  Ack(server);
  EXPECT_EQ(server.Counts().accepted, 1U);
}

TEST_P(ServerWaits, AClientThatIsGoneWithRequestsBehindIsForgottenWithTheAck) {
  TestServer server(Options(GetParam()));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1)) + PostEvents(EventNumber(2)) + "POST /ev"));
  AwaitWaiting(server, 1);
  client.Abort();
  Ack(server);
  EXPECT_TRUE(Eventually([&] {
    Ack(server);
    return server.Http().Connections() == 0;
  }));
  EXPECT_EQ(server.Http().WaitingRequests(), 0U);
}

TEST_P(ServerWaits, AClientThatHasClosedItsSideStillGetsItsReply) {
  TestServer server(Options(GetParam()));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1))));
  AwaitWaiting(server, 1);
  client.CloseWrite();
  EXPECT_TRUE(client.StaysQuiet(100ms));
  EXPECT_EQ(server.Http().WaitingRequests(), 1U);
  Ack(server);
  ASSERT_TRUE(client.Receive());
  EXPECT_TRUE(client.Ended());
  EXPECT_FALSE(client.WasReset());
  EXPECT_TRUE(server.NoConnectionIsLeft());
}

TEST_P(ServerWaits, AStopWaitsForTheAckAndAnswers) {
  TestServer server(Options(GetParam()));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1))));
  AwaitWaiting(server, 1);
  auto stopped = std::async(std::launch::async,
                            [&] { return server.Http().Stop(std::chrono::steady_clock::now() + 30s); });
  EXPECT_TRUE(client.StaysQuiet(100ms));
  Ack(server);
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->SaysClose());
  EXPECT_LT(reply->status, 300);
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(stopped.get(), 0U);
}

TEST_P(ServerWaits, ARequestThatStillWaitsAtTheEndOfTheStopIsAnswered) {
  TestServer server(Options(GetParam()));
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1))));
  AwaitWaiting(server, 1);
  EXPECT_EQ(server.Http().Stop(std::chrono::steady_clock::now() + 100ms), 1U);
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 504);
  EXPECT_EQ(json::parse(reply->body)["code"], "ack_timeout");
  EXPECT_TRUE(reply->SaysClose());
  // Acks for a loop that has ended, and for one that is destroyed.
  Ack(server);
  server.End();
  Ack(server);
}

TEST_P(ServerWaits, TheEndOfTheServerReleasesWaitingRequests) {
  TestServer server(Options(GetParam()));
  std::vector<HttpClient> clients;
  for (uint64_t i = 0; i < 20; ++i) {
    clients.push_back(server.Connect());
    ASSERT_TRUE(clients.back().Send(PostEvents(EventNumber(i)) + (i % 2 == 0 ? "POST" : "")));
  }
  AwaitWaiting(server, 20);
  server.End();
  Ack(server);
}

TEST_P(ServerWaits, MemoryOfALargeBodyIsGivenBackDuringALongWait) {
  TestServer server(Options(GetParam()));
  HttpClient whole = server.Connect();
  const std::string large = R"({"id":"l","type":"t","p":")" + std::string(200'000, 'x') + "\"}";
  ASSERT_TRUE(whole.Send(PostEvents(large)));
  HttpClient chunked = server.Connect();
  ASSERT_TRUE(
      chunked.Send("POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n30d40\r\n" +
                   large.substr(0, 0x30d40) + "\r\n1c\r\n" + large.substr(0x30d40) + "\r\n0\r\n\r\n"));
  AwaitWaiting(server, 2);
  EXPECT_TRUE(server.NoBytesAreHeld());
  Ack(server);
  EXPECT_TRUE(whole.Receive());
  EXPECT_TRUE(chunked.Receive());
  EXPECT_TRUE(whole.Send(PostEvents(large)));
  AwaitWaiting(server, 1);
  Ack(server);
  EXPECT_TRUE(whole.Receive());
}

// A client that doesn't read replies while acks arrive: nothing may be appended to the bytes that are being
// written.
TEST_P(ServerWaits, AnAckThatComesDuringAWriteWaitsForItsEnd) {
  constexpr uint64_t kPairs = 400;
  TestServerOptions options = Options(GetParam());
  options.metrics = [](bool) { return std::string(60'000, '#'); };
  TestServer server(options);
  HttpClient client = server.Connect(4'096);
  std::string requests;
  for (uint64_t i = 0; i < kPairs; ++i) requests += Get("/metrics") + PostEvents(EventNumber(i));
  ASSERT_TRUE(client.Send(requests));
  // Each reply to an event is written with the metrics that follow it, until the socket accepts no more.
  uint64_t accepted = 0;
  int looks_without_progress = 0;
  ASSERT_TRUE(Eventually([&] {
    Ack(server);
    looks_without_progress = server.Accepted() == accepted ? looks_without_progress + 1 : 0;
    accepted = server.Accepted();
    return looks_without_progress == 200;
  }));
  ASSERT_LT(accepted, kPairs);
  EXPECT_EQ(server.Http().WaitingRequests(), 1U) << "its ack has arrived";
  std::atomic<bool> stop{false};
  std::thread acks([&] {
    while (!stop) Ack(server);
  });
  for (uint64_t i = 0; i < kPairs; ++i) {
    const auto metrics = client.Receive();
    EXPECT_TRUE(metrics && metrics->body.size() == 60'000U) << i;
    const auto reply = client.Receive();
    EXPECT_TRUE(reply && json::parse(reply->body)["id"] == "e" + std::to_string(i)) << i;
  }
  stop = true;
  acks.join();
}

// During a long wait the connection reads; that read may end while the reply is being written.
TEST_P(ServerWaits, ARequestThatComesDuringTheWriteOfAWaitedReplyIsAnsweredAfterIt) {
  TestServerOptions options = Options(GetParam());
  options.batch_events_max = 40'000;
  TestServer server(options);
  for (const bool half_closed : {false, true}) {
    HttpClient client = server.Connect(64 << 10);
    std::string batch;
    for (uint64_t i = 0; i < 40'000; ++i) {
      batch += R"({"id":")" + std::to_string(i) + std::string(200, 'i') + R"(","type":"t"})" + "\n";
    }
    ASSERT_TRUE(client.Send(PostEvents(batch, "Prefer: return=representation\r\n", "application/x-ndjson")));
    AwaitWaiting(server, 1);
    EXPECT_TRUE(client.StaysQuiet(300ms)) << "time for the loop to detect a long wait";
    Ack(server);
    AwaitWaiting(server, 0);
    ASSERT_TRUE(client.Send(Get("/livez")));
    if (half_closed) client.CloseWrite();
    const auto reply = client.Receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(json::parse(reply->body)["events"].size(), 40'000U);
    EXPECT_EQ(client.Receive().value().body, R"({"status":"alive"})");
    EXPECT_TRUE(!half_closed || client.Ended());
  }
}

}  // namespace
}  // namespace ei::http
