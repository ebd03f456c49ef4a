#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;
using ei::Shared;

std::string CodeOf(const ReplyMessage& reply) { return nlohmann::json::parse(reply.body).value("code", ""); }

constexpr ClientShares::Options SharesOf(Shared what, uint64_t capacity) {
  ClientShares::Options options;
  options.capacities[static_cast<size_t>(what)] = capacity;
  return options;
}

constexpr ClientShares::Options RateOf(double rate, double burst) {
  ClientShares::Options options;
  options.rate = rate;
  options.burst = burst;
  return options;
}

constexpr ClientShares::Options kJournal = SharesOf(Shared::kJournalEvents, 80);

std::string ManyEvents(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += EventNumber(i) + "\n";
  return lines;
}

std::string PostLines(int count, std::string_view headers = {}) {
  return PostEvents(ManyEvents(count), headers, "application/x-ndjson");
}

// A server whose clients share the resources of `shared`, and two clients.
template <typename Server>
struct SharedServer {
  explicit SharedServer(const ClientShares::Options& shared, TestServerOptions options = {})
      : shares(shared), server(With(shared, std::move(options))) {}

  TestServerOptions With(const ClientShares::Options& shared, TestServerOptions options) {
    options.shares = &shares;
    options.rate = shared.rate;
    options.burst = shared.burst;
    const uint64_t events = shared.capacities[static_cast<size_t>(Shared::kJournalEvents)];
    if (events > 0) options.journal_events_max = events;
    return options;
  }

  // Of 80 events, or of as many tokens, the flood then holds all but the reserve for others.
  void FillAllButTheReserve() {
    ASSERT_EQ(small_client.Ask(PostLines(1)).value().status, 202);
    ASSERT_EQ(flood.Ask(PostLines(69)).value().status, 202);
  }

  ClientShares shares;
  Server server;
  HttpClient small_client = server.ConnectFrom(2);
  HttpClient flood = server.ConnectFrom(3);
};

TEST(ServerShares, AFloodLeavesTheLastOfTheJournalToOthers) {
  SharedServer<TestServer> at(kJournal);
  at.FillAllButTheReserve();
  const auto refused = at.flood.Ask(PostLines(1));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(CodeOf(*refused), "client_over_share");
  EXPECT_GE(std::stoi(refused->Header("retry-after")), 1);
  EXPECT_FALSE(refused->SaysClose());
  EXPECT_EQ(at.small_client.Ask(PostLines(9)).value().status, 202) << "1/8 together with the first";
  EXPECT_EQ(at.small_client.Ask(PostLines(1)).value().status, 429) << "now it holds 1/8 too";
  EXPECT_EQ(at.server.Counts().over_share.at("journal"), 2U);
}

TEST(ServerShares, AClientThatIsAloneGetsTheWholeJournal) {
  SharedServer<TestServer> at(kJournal);
  ASSERT_EQ(at.small_client.Ask(PostLines(80)).value().status, 202);
  const auto full = at.small_client.Ask(PostLines(1));
  ASSERT_TRUE(full);
  EXPECT_EQ(CodeOf(*full), "journal_full");
}

TEST(ServerShares, AFloodLeavesTheLastOfTheRateToOthers) {
  SharedServer<TestServer> at(RateOf(0.001, 80));
  at.FillAllButTheReserve();
  const auto refused = at.flood.Ask(PostLines(1));
  ASSERT_TRUE(refused);
  EXPECT_EQ(CodeOf(*refused), "rate_limited");
  EXPECT_EQ(at.small_client.Ask(PostLines(9)).value().status, 202);
  EXPECT_EQ(at.server.Counts().over_share.at("rate"), 1U);
}

// Decoding it would cost no tokens, so it must not be decoded.
TEST(ServerShares, ABodyThatComesWhenItsClientHasJustBeenRefusedIsNotDecoded) {
  SharedServer<TimedServer> at(RateOf(100, 100));
  HttpClient late = at.server.ConnectFrom(3);
  const std::string begun = PostLines(60);
  ASSERT_TRUE(late.Send(Get("/livez") + begun.substr(0, begun.size() - 1)));
  ASSERT_EQ(late.Receive().value().status, 200);
  ASSERT_EQ(at.flood.Ask(PostLines(60)).value().status, 202);
  ASSERT_EQ(at.flood.Ask(PostLines(60)).value().status, 429);
  EXPECT_EQ(at.server.Counts().received, 120U);
  const auto refused = late.Ask(begun.substr(begun.size() - 1));
  ASSERT_TRUE(refused);
  EXPECT_EQ(CodeOf(*refused), "rate_limited");
  EXPECT_EQ(refused->Header("retry-after"), "1");
  EXPECT_EQ(at.flood.Ask(PostLines(1)).value().status, 429);
  EXPECT_EQ(at.server.Counts().received, 120U);
  at.server.Clock().Advance(600ms);
  EXPECT_EQ(at.flood.Ask(PostLines(60)).value().status, 202);
}

TEST(ServerShares, AClientThatIgnoresRejectionsIsNotReadForAMoment) {
  SharedServer<TimedServer> at(kJournal);
  at.FillAllButTheReserve();
  ASSERT_TRUE(at.flood.Send(PostLines(1) + PostLines(1) + PostLines(1)));
  ASSERT_EQ(at.flood.Receive().value().status, 429);
  ASSERT_EQ(at.small_client.Ask(PostLines(1)).value().status, 202);
  EXPECT_EQ(at.server.Counts().over_share.at("journal"), 1U) << "the next one is not read";
  for (uint64_t expected = 2; expected <= 3; ++expected) {
    at.server.Clock().Advance(600ms);
    EXPECT_EQ(at.flood.Receive().value().status, 429);
    EXPECT_EQ(at.server.Counts().over_share.at("journal"), expected);
  }
  at.flood.Close();
  at.server.Clock().Advance(600ms);
  EXPECT_TRUE(Eventually([&] { return at.server.Http().Connections() == 1; }));
}

TEST(ServerShares, AHeldBackClientDoesNotDelayTheStop) {
  SharedServer<TestServer> at(kJournal);
  at.FillAllButTheReserve();
  ASSERT_TRUE(at.flood.Send(PostLines(1) + PostLines(1)));
  ASSERT_EQ(at.flood.Receive().value().status, 429);
  HttpClient waiting = at.server.ConnectFrom(3);
  ASSERT_EQ(waiting.Ask(PostLines(1)).value().status, 429);
  EXPECT_EQ(at.server.Http().Stop(std::chrono::steady_clock::now() + kPatience), 0U);
  const auto last = at.flood.Receive();
  ASSERT_TRUE(last) << "a request that had arrived is answered";
  EXPECT_EQ(last->status, 429);
  EXPECT_TRUE(at.flood.Ended());
  EXPECT_TRUE(waiting.Ended());
}

TEST(ServerShares, AHalfHeaderOfAHeldBackClientDoesNotDelayTheStop) {
  SharedServer<TestServer> at(kJournal);
  at.FillAllButTheReserve();
  ASSERT_EQ(at.flood.Ask(PostLines(1) + "POST /events HT").value().status, 429);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(at.server.Http().Stop(began + 30s), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_TRUE(at.flood.Ended());
}

TEST(ServerShares, AServerMayEndWhileClientsAreHeldBack) {
  SharedServer<TimedServer> at(kJournal);
  at.FillAllButTheReserve();
  ASSERT_EQ(at.flood.Ask(PostLines(1)).value().status, 429);
  at.server.End();
  EXPECT_TRUE(at.flood.Ended());
}

TEST(ServerShares, AFloodOfConnectionsLeavesTheLastOnesToOthers) {
  ClientShares shares(SharesOf(Shared::kConnections, 16));
  TestServerOptions options;
  options.http.connections_max = 16;
  options.shares = &shares;
  TestServer server(options);
  std::vector<HttpClient> flood;
  for (int i = 0; i < 14; ++i) {
    flood.push_back(server.ConnectFrom(3));
    ASSERT_EQ(flood.back().Ask(Get("/livez")).value().status, 200);
  }
  HttpClient over = server.ConnectFrom(3);
  const auto refused = over.Ask(Get("/livez"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(CodeOf(*refused), "client_over_share");
  EXPECT_TRUE(refused->SaysClose());
  HttpClient small_client = server.ConnectFrom(2);
  EXPECT_EQ(small_client.Ask(Get("/livez")).value().status, 200);
  EXPECT_EQ(server.Counts().over_share.at("connections"), 1U);
}

TEST(ServerShares, SlowBodiesOfOneClientLeaveTheLastOfTheMemoryToOthers) {
  constexpr size_t kBytes = 1 << 20;
  ClientShares shares(SharesOf(Shared::kReadBytes, kBytes));
  TestServerOptions options;
  options.http.inflight_bytes_max = kBytes;
  options.shares = &shares;
  TestServer server(options);
  HttpClient small_client = server.ConnectFrom(2);
  ASSERT_EQ(small_client.Ask(PostLines(1)).value().status, 202);
  const std::string unfinished =
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n" +
      std::string(150'000, ' ');
  std::vector<HttpClient> flood;
  bool refused = false;
  for (int i = 0; i < 8 && !refused; ++i) {
    flood.push_back(server.ConnectFrom(3));
    flood.back().SendSome(unfinished, 100ms);
    refused = Eventually([&] { return server.Counts().over_share.contains("memory"); }, 200ms);
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(small_client.Ask(PostLines(2'000)).value().status, 202) << "60 KB";
  flood.clear();
  EXPECT_TRUE(server.NoBytesAreHeld());
}

TEST(ServerShares, ATrustedProxySpeaksForItsClients) {
  TestServerOptions options;
  options.http.trusted_proxies = "127.0.0.2";
  SharedServer<TestServer> at(kJournal, options);
  HttpClient proxy = at.server.ConnectFrom(2);
  ASSERT_EQ(proxy.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.1\r\n")).value().status, 202);
  ASSERT_EQ(proxy.Ask(PostLines(69, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 202);
  EXPECT_EQ(proxy.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 429);
  HttpClient other_line = at.server.ConnectFrom(2);
  EXPECT_EQ(other_line.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.3\r\nX-Forwarded-For: 198.51.100.2\r\n"))
                .value()
                .status,
            429);
  HttpClient again = at.server.ConnectFrom(2);
  EXPECT_EQ(again.Ask(PostLines(5, "X-Forwarded-For: 198.51.100.1\r\n")).value().status, 202);
  HttpClient stranger = at.server.ConnectFrom(3);
  EXPECT_EQ(stranger.Ask(PostLines(5, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 202)
      << "its X-Forwarded-For is not trusted";
}

// A proxy's connection pool uses the most recently used connection for the next client.
TEST(ServerShares, AFloodBehindAProxyDelaysNoOtherClientOnItsConnection) {
  TestServerOptions options;
  options.http.trusted_proxies = "127.0.0.2";
  SharedServer<TimedServer> at(kJournal, options);
  HttpClient proxy = at.server.ConnectFrom(2);
  ASSERT_EQ(proxy.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.1\r\n")).value().status, 202);
  ASSERT_EQ(proxy.Ask(PostLines(69, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 202);
  ASSERT_TRUE(proxy.Send(PostLines(1, "X-Forwarded-For: 198.51.100.2\r\n") +
                         PostLines(1, "X-Forwarded-For: 198.51.100.1\r\n")));
  EXPECT_EQ(proxy.Receive().value().status, 429);
  const auto other_client = proxy.Receive();  // the clock doesn't advance
  ASSERT_TRUE(other_client);
  EXPECT_EQ(other_client->status, 202);
}

}  // namespace
}  // namespace ei::http
