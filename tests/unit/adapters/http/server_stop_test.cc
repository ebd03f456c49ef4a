#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "unit/adapters/http/loop_gate.h"
#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;

base::SteadyTime In(base::Duration duration) { return std::chrono::steady_clock::now() + duration; }

// How long Stop may take if nothing delays it: far less than the deadlines given, but enough for a loaded
// machine.
constexpr auto kSoon = 5s;

// A server with one loop that can be blocked.
struct GatedServer {
  LoopGate gate;
  TestServer server{{.http = {}, .ingest = {}, .metrics = [this](bool) { return gate.Pass(); }}};

  // Returns when the loop waits at the gate, within a request of the returned client.
  HttpClient Hold() {
    HttpClient client = server.Connect();
    EXPECT_TRUE(client.Send(Get("/metrics")));
    gate.AwaitWaiting(1);
    return client;
  }
};

TEST(ServerStop, IdleConnectionsAreClosedAtOnce) {
  TestServer server;
  HttpClient used = server.Connect();
  ASSERT_EQ(used.Ask(Get("/livez")).value().status, 200);
  HttpClient silent = server.Connect();
  ASSERT_TRUE(Eventually([&] { return server.Http().Connections() == 2; }));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(server.Http().Stop(In(30s)), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kSoon);
  EXPECT_TRUE(used.Ended());
  EXPECT_FALSE(used.WasReset());
  EXPECT_TRUE(silent.Ended());
}

TEST(ServerStop, NoConnectionIsAcceptedAfterwards) {
  TestServer server;
  const uint16_t port = server.Port();
  server.Http().Stop(In(10s));
  EXPECT_FALSE(HttpClient(port).Connected());
  EXPECT_EQ(server.Http().Stop(In(10s)), 0U);
}

TEST(ServerStop, ARequestInProgressIsAnsweredWithConnectionClose) {
  GatedServer held;
  auto& [gate, server] = held;
  HttpClient client = held.Hold();
  auto stopped = std::async(std::launch::async, [&] { return server.Http().Stop(In(30s)); });
  gate.Open();
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  EXPECT_TRUE(client.Ended());
  EXPECT_FALSE(client.WasReset());
  EXPECT_EQ(stopped.get(), 0U);
}

TEST(ServerStop, RequestsThatHaveArrivedAreAnsweredEvenFromTheBacklog) {
  GatedServer held;
  auto& [gate, server] = held;
  std::vector<HttpClient> known;
  for (int i = 0; i < 10; ++i) {
    known.push_back(server.Connect());
    ASSERT_EQ(known.back().Ask(Get("/livez")).value().status, 200);
  }
  HttpClient holding = held.Hold();
  // The loop sees none of these before the stop begins.
  for (size_t i = 0; i < known.size(); ++i) ASSERT_TRUE(known[i].Send(PostEvents(EventNumber(i))));
  std::vector<HttpClient> backlog;
  for (uint64_t i = 0; i < 40; ++i) {
    backlog.push_back(server.Connect());
    ASSERT_TRUE(backlog.back().Connected());
    ASSERT_TRUE(backlog.back().Send(PostEvents(EventNumber(100 + i))));
  }
  auto stopped = std::async(std::launch::async, [&] { return server.Http().Stop(In(30s)); });
  gate.Open();
  uint64_t answered = 0;
  for (auto* const clients : {&known, &backlog}) {
    for (HttpClient& client : *clients) {
      const auto reply = client.Receive();
      ASSERT_TRUE(reply) << answered;
      EXPECT_EQ(reply->status, 202);
      ++answered;
      EXPECT_TRUE(client.Ended());
      EXPECT_FALSE(client.WasReset());
      client.Close();
    }
  }
  EXPECT_EQ(server.Accepted(), answered);
  EXPECT_TRUE(holding.Receive());
  holding.Close();
  EXPECT_EQ(stopped.get(), 0U);
}

// At any moment of the stop, an event is accepted if and only if its client received the ack, except for a
// reply that the client could no longer receive because it had ended itself.
TEST(ServerStop, NoEventIsAcceptedWithoutAnAnswer) {
  for (int round = 0; round < 20; ++round) {
    TestServerOptions options;
    options.http.threads = 2;
    TestServer server(options);
    constexpr int kClients = 8;
    std::vector<std::thread> threads;
    std::atomic<uint64_t> acknowledged = 0;
    std::atomic<int> running = 0;
    for (int c = 0; c < kClients; ++c) {
      threads.emplace_back([&] {
        HttpClient client = server.Connect();
        bool first = true;
        while (const auto reply = client.Ask(PostEvents(EventNumber(1)))) {
          if (reply->status == 202) ++acknowledged;
          if (std::exchange(first, false)) ++running;
          if (reply->SaysClose()) break;
        }
        if (first) ++running;
      });
    }
    ASSERT_TRUE(Eventually([&] { return running == kClients; }));
    EXPECT_EQ(server.Http().Stop(In(30s)), 0U);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(server.Accepted(), acknowledged);
  }
}

TEST(ServerStop, ABodyThatIsStillComingMayBeFinished) {
  TestServer server;
  HttpClient client = server.Connect();
  const std::string wire = PostEvents(EventNumber(1));
  const std::string begun = wire.substr(0, wire.size() - 5);
  ASSERT_TRUE(client.Ask(Get("/livez") + begun));
  auto stopped = std::async(std::launch::async, [&] { return server.Http().Stop(In(30s)); });
  ASSERT_TRUE(Eventually([&] { return !HttpClient(server.Port()).Connected(); }));
  const auto reply = client.Ask(wire.substr(begun.size()));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 202);
  EXPECT_TRUE(reply->SaysClose());
  client.Close();
  EXPECT_EQ(stopped.get(), 0U);
}

TEST(ServerStop, ABodyThatIsStillComingIsCutAtTheDeadline) {
  TestServer server;
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Ask(Get("/livez") + PostEvents(EventNumber(1)).substr(0, 100)));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(server.Http().Stop(In(700ms)), 1U);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 700ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kSoon);
  server.End();
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(server.Accepted(), 0U);
}

// A client that has sent only part of a header has lost nothing, and may send the request to another replica.
TEST(ServerStop, AHalfHeaderHoldsNothingUp) {
  TestServer server;
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Ask(Get("/livez") + "POST /events HT"));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(server.Http().Stop(In(30s)), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kSoon);
  EXPECT_TRUE(client.Ended());
}

// A loop that is stopping already sees the first bytes. Whether the stop or the gate comes first is random,
// so the test has several rounds.
TEST(ServerStop, AHalfHeaderFromTheBacklogHoldsNothingUp) {
  for (int round = 0; round < 10; ++round) {
    GatedServer held;
    auto& [gate, server] = held;
    HttpClient holding = held.Hold();
    HttpClient half = server.Connect();
    ASSERT_TRUE(half.Send("POST /events HT"));
    const auto began = std::chrono::steady_clock::now();
    auto stopped = std::async(std::launch::async, [&] { return server.Http().Stop(In(30s)); });
    gate.Open();
    EXPECT_TRUE(holding.Receive());
    holding.Close();
    EXPECT_EQ(stopped.get(), 0U);
    ASSERT_LT(std::chrono::steady_clock::now() - began, kSoon);
    EXPECT_TRUE(half.Ended());
  }
}

TEST(ServerStop, ARefusedBodyThatNeverComesHoldsNothingUp) {
  TestServer server;
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Ask("POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n"));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(server.Http().Stop(In(30s)), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kSoon);
  EXPECT_TRUE(client.Ended());
}

TEST(ServerStop, AReplyThatIsBeingWrittenIsWrittenWhole) {
  TestServerOptions options;
  options.metrics = [](bool) { return std::string(16 << 20, 'm'); };
  TestServer server(options);
  HttpClient client = server.Connect(/*buffer_bytes=*/4096);
  ASSERT_TRUE(client.Send(Get("/metrics")));
  ASSERT_TRUE(Eventually([&] { return server.Counts().requests == 1; }));
  const auto began = std::chrono::steady_clock::now();
  auto stopped = std::async(std::launch::async, [&] { return server.Http().Stop(In(30s)); });
  ASSERT_TRUE(Eventually([&] { return !HttpClient(server.Port()).Connected(); }));
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body.size(), size_t{16} << 20);
  EXPECT_TRUE(client.Ended());
  client.Close();
  EXPECT_EQ(stopped.get(), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 15s);
}

TEST(ServerStop, AnnouncedCloseIsTakenAtTheNextReply) {
  TestServer server;
  HttpClient client = server.Connect();
  EXPECT_FALSE(client.Ask(PostEvents(EventNumber(1))).value().SaysClose());
  server.Http().AnnounceClose();
  const auto reply = client.Ask(PostEvents(EventNumber(2)));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 202);
  EXPECT_TRUE(reply->SaysClose());
  EXPECT_TRUE(client.Ended());
  HttpClient late = server.Connect();
  EXPECT_TRUE(late.Ask(Get("/livez")).value().SaysClose());
}

TEST(ServerStop, ARefusedBodyThatIsStillComingEndsWithTheConnection) {
  TestServer server;
  HttpClient client = server.Connect();
  const auto reply =
      client.Ask("POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n" + std::string(50, 'x'));
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->SaysClose());
  server.Http().AnnounceClose();
  ASSERT_TRUE(client.Send(std::string(50, 'x')));
  EXPECT_TRUE(client.Ended());
  client.Close();
  EXPECT_TRUE(server.NoConnectionIsLeft());
}

TEST(ServerStop, AnAdminConnectionHoldsNothingUp) {
  TestServerOptions options;
  options.http.admin_port = 0;
  TestServer server(options);
  HttpClient scraper(*server.Http().AdminPort());
  ASSERT_EQ(scraper.Ask(Get("/metrics")).value().status, 200);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(server.Http().Stop(In(30s)), 0U);
  server.Http().StopOperations();
  EXPECT_LT(std::chrono::steady_clock::now() - began, kSoon);
}

TEST(ServerStop, TheAdminPortAnswersUntilTheEnd) {
  TestServerOptions options;
  options.http.admin_port = 0;
  TestServer server(options);
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Ask(PostEvents(EventNumber(1)) + PostEvents(EventNumber(2)).substr(0, 100)));
  auto stopped = std::async(std::launch::async, [&] { return server.Http().Stop(In(30s)); });
  ASSERT_TRUE(Eventually([&] { return !HttpClient(server.Port()).Connected(); }));
  HttpClient probe(*server.Http().AdminPort());
  EXPECT_EQ(probe.Ask(Get("/livez")).value().status, 200);
  client.Close();
  EXPECT_EQ(stopped.get(), 0U);
  EXPECT_EQ(probe.Ask(Get("/metrics")).value().status, 200);  // the rest of the stop can be observed here
  server.Http().StopOperations();
  EXPECT_FALSE(HttpClient(*server.Http().AdminPort()).Connected());
}

TEST(ServerStop, TheDestructorCutsWhateverIsUnderWay) {
  TestServerOptions options;
  options.http.threads = 2;
  TestServer server(options);
  std::vector<HttpClient> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(server.Connect());
    ASSERT_TRUE(clients.back().Send(i % 3 == 0   ? ""
                                    : i % 3 == 1 ? "POST /ev"
                                                 : PostEvents(EventNumber(1)).substr(0, 90)));
  }
  server.End();
  for (HttpClient& client : clients) {
    client.ReceiveToEnd();
    EXPECT_TRUE(client.Ended());
  }
}

}  // namespace
}  // namespace ei::http
